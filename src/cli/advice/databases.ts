import { because } from './command-lines.ts';
import type { Rows } from './rows.ts';
import { meant } from './rows.ts';

/** Advice about databases: which one, how to reach it, how to log in. */

export const DATABASE_ADVICE = {
  'database-not-found': ({ candidates, near = [] }, lines) =>
    lines.context.command === 'up' || lines.context.command?.startsWith('policy') === true
      ? [...candidates]
          .sort((a, b) => Number(near.includes(b.id)) - Number(near.includes(a.id)))
          .slice(0, 5)
          .map(({ id, engine }) => `--db ${id}   # ${engine}`)
      : [...meant({ near }), lines.tool('ls databases', {}, 'all that can be listed')],
  'database-not-judged': ({ database, host, port, from }, lines) => [
    because(
      `${lines.tool('doctor')} --path ${from ?? 'SERVICE'} ${host}:${port}`,
      'follows the path to it, as far as it can be seen',
    ),
    lines.tool(`db ${database}`, {}, 'connects to it'),
  ],
  'database-without-endpoint': () => ['wait until it is available'],
  'ca-file-unusable': () => [
    "--ca, FARGATE_CONNECT_DATABASE_CA or database-ca in a file name it; without them AWS's own are used",
  ],
  'client-missing': (_, lines) => [
    'install it, or name another one after --',
    because(`${lines.tool('db')} ID --print env`, 'prints the connection and starts no client'),
  ],
  'database-needed': ({ candidates = [] }, lines) => [
    ...candidates.slice(0, 5).map((id) => lines.tool(`db ${id}`)),
    lines.tool('ls databases', {}, 'their ids'),
  ],
  'database-silent': (_, lines) => [
    'the forward is open, and behind it nothing answers: the database may be stopped, or a security group drops the connection',
    because(`${lines.tool('db')} ID --via task|bastion`, 'the other route'),
  ],
  'login-unknown': ({ user, userIsGiven, logins, passwordFrom }) => [
    ...logins.map((login) => LOGIN_FLAGS[login](user)),
    `${userIsGiven ? '' : '--as USER with '}a password in ${passwordFrom}`,
  ],
  'port-refused': ({ host, port }, lines) => [
    'the forward is open, and nothing listens at that port, or a security group rejects the connection',
    ...(host === 'localhost'
      ? []
      : [because(`${lines.tool('doctor')} --path SERVICE ${host}:${port}`, 'follows the path to it')]),
  ],
  'database-unreachable': ({ database, missing }, lines) => [
    ...missing,
    lines.tool('up', { db: database ?? 'ID' }, 'a bastion that reaches it'),
    because(`${lines.tool('db')} ${database ?? 'ID'} --service SERVICE`, 'through a task that reaches it'),
  ],
  'database-without-tls': () => [
    '--no-tls   # connects without TLS; the forward itself is encrypted as far as the VPC',
  ],
  'iam-login-off': ({ database, service }, lines) =>
    service === 'rds'
      ? [
          lines.aws(
            `rds modify-db-instance --db-instance-identifier ${database} --enable-iam-database-authentication --apply-immediately`,
            'switches it on (modify-db-cluster for Aurora)',
          ),
        ]
      : [
          '--secret   # logs in with a secret',
          ...(service.startsWith('redshift') ? ['db makes no call for the temporary users of Redshift'] : []),
          ...(service === 'opensearch'
            ? ['db signs no requests: curl --aws-sigv4, or a client that signs']
            : []),
        ],
  'local-port-shared': ({ port }) => [`--port ${port + 1}   # any other port, the same one each time`],
  'secret-needed': (_, lines) => [
    '--secret NAME|ARN',
    lines.aws('secretsmanager list-secrets --query SecretList[].Name', 'which there are'),
  ],
  'secret-not-found': (_, lines) => [
    lines.aws('secretsmanager list-secrets --query SecretList[].Name', 'which there are'),
  ],
  'secret-unusable': () => ['it has to be the password alone, or a JSON object with username and password'],
  // AWS, "Creating a database account using IAM authentication", "Troubleshooting for IAM DB authentication".
  'token-refused': ({ family, user = 'USER' }, lines) => [
    family === 'postgres'
      ? `'password authentication failed': the user lacks a role: GRANT rds_iam TO ${user}`
      : `'Access denied': the user is not made for tokens: CREATE USER ${user} IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'`,
    because(
      lines.tool('policy db', { 'db-resource': 'ID', 'db-user': user }),
      family === 'postgres'
        ? "'PAM authentication failed': IAM does not allow rds-db:connect; this prints the grant"
        : 'or IAM does not allow rds-db:connect; this prints the grant',
    ),
  ],
  'user-needed': () => [
    '--as USER   # a user of the database that has the role rds_iam (MySQL: AWSAuthenticationPlugin)',
  ],
} satisfies Rows;

const LOGIN_FLAGS = {
  'managed-secret': (user: string | undefined) =>
    because('--secret', `AWS keeps the password of ${user ?? 'its user'}`),
  iam: () => because('--iam --as USER', 'IAM login is on'),
  secret: () => because('--secret NAME|ARN', 'a secret of Secrets Manager'),
} as const;
