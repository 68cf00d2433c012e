import { parseSecret } from '../../connect/database/secret-login.ts';
import type { Database, DatabaseEndpoint } from '../../connect/ports.ts';
import { usage } from '../../core/errors.ts';
import type { Needs } from '../collaborators.ts';

/** With which user and password the client logs in. */

export interface LoginRequest {
  readonly user: string | undefined;
  readonly databaseName: string | undefined;
  readonly iam: boolean;
  /** Name or ARN of a secret; true = the one that RDS keeps for the database; undefined = no secret. */
  readonly secret: string | true | undefined;
}

export interface Login {
  readonly user: string | undefined;
  readonly databaseName: string | undefined;
  /** Undefined = the client asks, or has a password of its own. */
  readonly password: (() => Promise<string>) | undefined;
  /** True for IAM tokens: the password is a new one each time, and each opens connections for 15 minutes. */
  readonly expires: boolean;
}

/**
 * Reads the secret, but signs no token yet. Throws `login-conflict`, `iam-login-unsupported`, `user-needed` (usage),
 * `secret-needed`, and what reading the secret throws.
 */
export async function loginOf(
  request: LoginRequest,
  database: Pick<
    Database,
    'id' | 'databaseName' | 'masterUsername' | 'secretArn' | 'iamAuthentication' | 'service'
  >,
  { host, port }: Pick<DatabaseEndpoint, 'host' | 'port'>,
  deps: Needs<'account'>,
): Promise<Login> {
  const { iam, secret } = request;
  if (iam && secret !== undefined)
    throw usage('bad-arguments', 'an IAM token and a secret are two logins: one of them is needed', {
      details: { instead: [['--iam'], ['--secret']].map((login) => [database.id, ...login]) },
    });
  const databaseName = request.databaseName ?? database.databaseName;
  if (secret !== undefined) {
    const id = secret === true ? database.secretArn : secret;
    if (id === undefined)
      throw usage('secret-needed', `AWS keeps no secret for ${database.id}: which one holds its login?`, {
        details: { database: database.id },
      });
    const secrets = await (await deps.account()).secrets();
    const login = parseSecret(id, await secrets.text(id));
    return {
      user: request.user ?? login.user ?? database.masterUsername,
      databaseName: request.databaseName ?? login.database ?? database.databaseName,
      password: () => Promise.resolve(login.password),
      expires: false,
    };
  }
  const user = request.user ?? (iam ? undefined : database.masterUsername);
  if (!iam) return { user, databaseName, password: undefined, expires: false };
  if (!database.iamAuthentication)
    throw usage('iam-login-off', `${database.id} accepts no IAM tokens`, {
      details: { database: database.id, service: database.service },
    });
  if (user === undefined)
    throw usage('user-needed', 'a token is signed for one database user, and none is named', {
      details: { database: database.id },
    });
  const tokens = await (await deps.account()).databaseTokens();
  return { user, databaseName, password: () => tokens.token({ host, port, user }), expires: true };
}
