import { interrupted, usage } from '../../core/errors.ts';
import type { Needs } from '../collaborators.ts';
import { configuredDestination } from './configured-request.ts';
import type { DatabaseRequest } from './database-request.ts';
import { loginOf } from './login.ts';

const noLogin = (database: string): Error =>
  usage(
    'bad-arguments',
    `a password is printed for an IAM token or a secret, and neither is given for ${database}`,
    {
      details: { instead: ['--iam', '--secret'].map((login) => [database, login, '--print-password']) },
    },
  );

/**
 * The only way in which a password reaches the screen. Throws `input-needed` without a terminal and `--yes`,
 * `bad-arguments` if neither a flag nor a config file names a login.
 */
export async function passwordAfterQuestion(
  given: DatabaseRequest,
  deps: Needs<'account' | 'prompter', 'databases'>,
): Promise<string> {
  const { request, destination } = await configuredDestination(given, deps);
  const { database, endpoint, name } = destination;
  if (!request.iam && request.secret === undefined) throw noLogin(name);
  const what = request.iam ? 'an IAM token' : 'the password';
  const isAgreed = await deps.prompter.confirm({
    message: `print ${what} for ${name} on this screen?`,
    flag: '--yes',
    defaultAnswer: false,
  });
  if (!isAgreed) throw interrupted('nothing was printed');
  const { password } = await loginOf(request, database, endpoint, deps);
  if (password === undefined) throw noLogin(name);
  return password();
}
