import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { PASSWORD_VARIABLES } from '../../connect/database/client-setup.ts';
import { hasPassword } from '../../connect/database/password-file.ts';
import type { Needs } from '../collaborators.ts';
import type { SettledRequest } from './database-request.ts';
import type { Destination } from './destination.ts';

/** What `db` says when it knows no password. */

type OfferNeeds = Needs<'env' | 'prompter' | 'report' | 'terminal', 'input' | 'output'>;

/**
 * If neither the request nor the person's environment holds a login: on a terminal asks whether to use the secret that
 * RDS keeps, if it keeps one for this user; otherwise says which logins the database accepts. Returns the
 * request, with that secret if the answer is yes.
 */
export async function withOfferedLogin(
  request: SettledRequest,
  { database, endpoint, family, name, isListed }: Destination,
  localPort: number,
  deps: OfferNeeds,
): Promise<SettledRequest> {
  const { env, prompter, report, settings, terminal } = deps;
  if (request.iam || request.secret !== undefined || !isListed) return request;
  if (request.print !== undefined || settings.output === 'json') return request;
  if (family !== 'postgres' && family !== 'mysql' && family !== 'sqlserver') return request;
  const user = request.user ?? database.masterUsername;
  const wanted = {
    host: endpoint.host,
    port: localPort,
    database: request.databaseName ?? database.databaseName,
    user,
  };
  if (await hasOwnPassword(family, wanted, env)) return request;
  const hasSecret =
    database.secretArn !== undefined &&
    (request.user === undefined || request.user === database.masterUsername);
  if (hasSecret && settings.input) {
    const isAgreed = await prompter.confirm({
      message: `log in to ${name} with the secret that AWS keeps for ${user ?? 'it'}?`,
      flag: '--secret',
      defaultAnswer: true,
    });
    return isAgreed ? { ...request, secret: true } : request;
  }
  const logins = [
    ...(hasSecret ? (['managed-secret'] as const) : []),
    ...(database.iamAuthentication ? (['iam'] as const) : []),
    ...(database.secretArn === undefined ? (['secret'] as const) : []),
  ];
  const asks = terminal.stdinIsTty ? 'the client asks for it' : 'without a terminal the client cannot ask';
  report({
    type: 'note',
    level: terminal.stdinIsTty ? 'info' : 'warning',
    code: 'login-unknown',
    message: `no password is known for ${name}${user === undefined ? '' : ` as ${user}`}, and ${asks}`,
    details: {
      database: name,
      user,
      userIsGiven: request.user !== undefined,
      logins,
      passwordFrom: OWN_PASSWORD[family],
    },
  });
  return request;
}

const OWN_PASSWORD = {
  postgres: 'PGPASSWORD or ~/.pgpass',
  mysql: 'MYSQL_PWD or ~/.my.cnf',
  sqlserver: PASSWORD_VARIABLES.sqlserver ?? '',
} as const;

/** Where the client finds a password of the person's own. */
async function hasOwnPassword(
  family: keyof typeof OWN_PASSWORD,
  wanted: Parameters<typeof hasPassword>[1],
  env: OfferNeeds['env'],
): Promise<boolean> {
  const isSet = (variable: string): boolean => (env[variable] ?? '') !== '';
  const home = env['HOME'] ?? '';
  const textOf = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');
  switch (family) {
    case 'postgres':
      return (
        isSet('PGPASSWORD') || hasPassword(await textOf(env['PGPASSFILE'] || join(home, '.pgpass')), wanted)
      );
    case 'mysql':
      return isSet('MYSQL_PWD') || /^\s*password\s*=/m.test(await textOf(join(home, '.my.cnf')));
    case 'sqlserver':
      return isSet(OWN_PASSWORD.sqlserver);
  }
}
