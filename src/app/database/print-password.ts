import { interrupted, usage } from '../../core/errors.ts';
import type { Needs } from '../collaborators.ts';
import type { DatabaseRequest } from './database-request.ts';
import { loginOf } from './login.ts';
import { destinationOf } from './destination.ts';

/** The only way in which a password reaches the screen. Throws `input-needed` without a terminal and `--yes`. */
export async function passwordAfterQuestion(
  request: DatabaseRequest,
  deps: Needs<'account' | 'prompter'>,
): Promise<string> {
  const { database, endpoint, name } = await destinationOf(request, deps);
  const what = request.iam ? 'an IAM token' : 'the password';
  const isAgreed = await deps.prompter.confirm({
    message: `print ${what} for ${name} on this screen?`,
    flag: '--yes',
    defaultAnswer: false,
  });
  if (!isAgreed) throw interrupted('nothing was printed');
  const { password } = await loginOf(request, database, endpoint, deps);
  if (password === undefined) throw usage('bad-arguments', '--print-password is about --iam or --secret');
  return password();
}
