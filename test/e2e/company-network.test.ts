import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import type { RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { CreateRoleCommand, PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cli, ENTRY, type Finished, PtyProcess } from '../support/cli-process.ts';
import {
  type CorporateProxy,
  type CorporateProxyOptions,
  startCorporateProxy,
} from '../support/corporate-proxy.ts';
import { sandboxClients } from '../support/sandbox-clients.ts';
import { testSandbox } from '../support/test-sandbox.ts';
import { COMPANY_CA, EXPIRED_CERTIFICATE } from '../support/tls-identity.ts';
import { reportSkip } from '../support/on-path.ts';

/**
 * Credentials and networks of companies: the host names of AWS behind a CONNECT proxy that logs, with certificates of a
 * private authority. The servers that issue credentials listen on loopback: the STS of the sandbox, and a single
 * sign-on portal.
 */

const sandbox = testSandbox();
const homes: string[] = [];
let home: string;
let proxy: CorporateProxy;
let signInAnswers: Record<string, RequestListener>;
const services: Record<string, RequestListener> = {};

beforeAll(async () => {
  // Looked up at each request, so that each test can define the answer.
  const hosts = [
    'portal.sso.eu-west-1',
    'oidc.eu-west-1',
    'sts.eu-west-1',
    'ecs.eu-west-1',
    'ssmmessages.eu-west-1',
  ];
  for (const name of hosts) {
    const host = `${name}.amazonaws.com`;
    Object.defineProperty(services, host, { get: () => signInAnswers[host] });
  }
  proxy = await startCorporateProxy(sandbox().endpoint, { services });
});
afterAll(() => {
  proxy.close();
  for (const folder of homes) rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  signInAnswers = {};
  home = mkdtempSync(join(tmpdir(), 'fc-company-'));
  homes.push(home);
  file('company-ca.pem', COMPANY_CA);
  proxy.tunnels.length = 0;
});

function file(name: string, text: string): string {
  const path = join(home, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

const keys = (): Readonly<Record<string, string>> => {
  const { AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '' } = sandbox().env;
  return { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY };
};
const keyLines = (): string =>
  `aws_access_key_id = ${keys()['AWS_ACCESS_KEY_ID']}\naws_secret_access_key = ${keys()['AWS_SECRET_ACCESS_KEY']}\n`;

/** Uses the proxy, without keys in the environment: the keys come from a profile. */
const behindProxy = (over: Readonly<Record<string, string>> = {}): Record<string, string> => ({
  HOME: home,
  AWS_REGION: 'eu-west-1',
  AWS_EC2_METADATA_DISABLED: 'true',
  HTTPS_PROXY: proxy.url,
  AWS_CA_BUNDLE: join(home, 'company-ca.pem'),
  ...over,
});

const EXEC = ['exec', 'orders-api', '--cluster', 'demo', '--container', 'app'];
const ECHO = ['--', 'echo', 'through'];
const THROUGH = { status: 0, stdout: 'through\n' };
const exec = (env: Record<string, string>, ...flags: readonly string[]): Promise<Finished> =>
  cli([...EXEC, ...flags, ...ECHO], { env });
const hosts = (): ReadonlySet<string> => new Set(proxy.tunnels.map((tunnel) => tunnel.split(':')[0] ?? ''));

describe('certificates of a private authority', () => {
  it('API calls and the data channel trust AWS_CA_BUNDLE', async () => {
    expect(await exec(behindProxy(keys()))).toMatchObject(THROUGH);
    expect(hosts()).toContain('ssmmessages.eu-west-1.amazonaws.com');
  });

  it('API calls and the data channel trust the ca_bundle of a profile', async () => {
    file('.aws/config', `[profile work]\nca_bundle = ${join(home, 'company-ca.pem')}\n${keyLines()}`);
    expect(await exec(behindProxy({ AWS_CA_BUNDLE: '' }), '--profile', 'work')).toMatchObject(THROUGH);
  });

  it('without the certificate nothing is sent, and the advice names AWS_CA_BUNDLE; NODE_TLS_REJECT_UNAUTHORIZED=0 has no effect', async () => {
    const env = behindProxy({ ...keys(), AWS_CA_BUNDLE: '', NODE_TLS_REJECT_UNAUTHORIZED: '0' });
    const { status, stderr } = await exec(env);
    expect(status).not.toBe(0);
    expect(stderr).toContain(
      'no authority that this machine trusts has signed the certificate of ecs.eu-west-1.amazonaws.com',
    );
    expect(stderr).toContain('AWS_CA_BUNDLE=/path/to/company-ca.pem');
  });

  it('an expired certificate has an error message of its own', async () => {
    const expired = await proxyWith({ certificate: EXPIRED_CERTIFICATE });
    const { stderr } = await exec(behindProxy({ ...keys(), HTTPS_PROXY: expired.url }));
    expired.close();
    expect(stderr).toContain('is not valid at this time (CERT_HAS_EXPIRED)');
  });

  it('a proxy with TLS is verified with these certificates', async () => {
    const secure = await proxyWith({ tls: true });
    const withCa = await exec(behindProxy({ ...keys(), HTTPS_PROXY: secure.url }));
    const without = await exec(behindProxy({ ...keys(), HTTPS_PROXY: secure.url, AWS_CA_BUNDLE: '' }));
    secure.close();
    expect(withCa).toMatchObject(THROUGH);
    expect(without.stderr).toContain(`the certificate of ${new URL(secure.url).host}`);
  });
});

const proxyWith = (options: CorporateProxyOptions): Promise<CorporateProxy> =>
  startCorporateProxy(sandbox().endpoint, options);

it('a bare % in the password of the proxy is taken literally', async () => {
  const before = proxy.authorizations.length;
  const url = proxy.url.replace('//', '//person:100%@');
  expect(await exec(behindProxy({ ...keys(), HTTPS_PROXY: url }))).toMatchObject(THROUGH);
  const expected = `Basic ${Buffer.from('person:100%').toString('base64')}`;
  expect(new Set(proxy.authorizations.slice(before))).toEqual(new Set([expected]));
});

describe('credentials behind the proxy', () => {
  const SSO = `[profile sso]
sso_session = company
sso_account_id = 111122223333
sso_role_name = Developer
[sso-session company]
sso_start_url = https://company.example/start
sso_region = eu-west-1
`;
  const tokenFile = `.aws/sso/cache/${createHash('sha1').update('company').digest('hex')}.json`;
  const token = (expiresAt: number): string =>
    JSON.stringify({
      accessToken: 'access',
      expiresAt: new Date(expiresAt).toISOString(),
      clientId: 'client',
      clientSecret: 'client-secret',
      refreshToken: 'refresh',
    });
  const json =
    (status: number, body: object): RequestListener =>
    (request, response) => {
      request.resume();
      response.writeHead(status, { 'content-type': 'application/json', 'x-amzn-requestid': 'r-1' });
      response.end(JSON.stringify(body));
    };
  let signIns = 0;
  /** Issues temporary keys of the sandbox to who has this access token. */
  const roleCredentials = (accessToken: string): RequestListener => {
    const HOUR = 3_600_000;
    const issued = sandbox().createPrincipal({
      userName: `signed-in-${++signIns}`,
      policies: [{ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }],
      sessionMs: HOUR,
    });
    const answer = json(200, {
      roleCredentials: {
        accessKeyId: issued['AWS_ACCESS_KEY_ID'],
        secretAccessKey: issued['AWS_SECRET_ACCESS_KEY'],
        sessionToken: issued['AWS_SESSION_TOKEN'],
        expiration: Date.now() + HOUR,
      },
    });
    return (request, response) =>
      request.headers['x-amz-sso_bearer_token'] === accessToken
        ? answer(request, response)
        : json(401, { message: 'Session token not found or invalid' })(request, response);
  };
  const THROUGH_THE_PROXY = [
    'portal.sso.eu-west-1.amazonaws.com',
    'ecs.eu-west-1.amazonaws.com',
    'ssmmessages.eu-west-1.amazonaws.com',
  ];

  it('with single sign-on the portal, the APIs and the data channel are reached through the proxy', async () => {
    file('.aws/config', SSO);
    file(tokenFile, token(Date.now() + 3_600_000));
    signInAnswers['portal.sso.eu-west-1.amazonaws.com'] = roleCredentials('access');
    expect(await exec(behindProxy(), '--profile', 'sso')).toMatchObject(THROUGH);
    expect([...hosts()]).toEqual(expect.arrayContaining(THROUGH_THE_PROXY));
  });

  it('a refusal by the single sign-on portal names the role, the account and the profile', async () => {
    file('.aws/config', SSO);
    file(tokenFile, token(Date.now() + 3_600_000));
    signInAnswers['portal.sso.eu-west-1.amazonaws.com'] = json(403, { message: 'No access' });
    const { status, stderr } = await exec(behindProxy(), '--profile', 'sso');
    expect(hosts()).toEqual(new Set(['portal.sso.eu-west-1.amazonaws.com']));
    expect(status).toBe(4);
    expect(stderr).toContain(
      'single sign-on gives you no role Developer in account 111122223333 (profile sso)',
    );
  });

  it('an expired token is renewed through the proxy', async () => {
    file('.aws/config', SSO);
    file(tokenFile, token(Date.now() - 1_000));
    signInAnswers['oidc.eu-west-1.amazonaws.com'] = json(200, {
      accessToken: 'fresh',
      expiresIn: 3600,
      refreshToken: 'next',
    });
    signInAnswers['portal.sso.eu-west-1.amazonaws.com'] = roleCredentials('fresh');
    expect(await exec(behindProxy(), '--profile', 'sso')).toMatchObject(THROUGH);
    expect([...hosts()]).toEqual(
      expect.arrayContaining(['oidc.eu-west-1.amazonaws.com', ...THROUGH_THE_PROXY]),
    );
    expect(JSON.parse(readFileSync(join(home, tokenFile), 'utf8'))).toMatchObject({ accessToken: 'fresh' });
  });

  it('without a token the advice is to sign in, with the name of the profile', async () => {
    file('.aws/config', SSO);
    const { status, stderr } = await exec(behindProxy(), '--profile', 'sso');
    expect(status).toBe(4);
    expect(stderr).toContain('nobody is signed in for profile sso');
    expect(stderr).toContain('\n  aws sso login --profile sso\n');
  });

  it('an unreachable portal is reported as a network error, without advice to sign in', async () => {
    file('.aws/config', SSO);
    file(tokenFile, token(Date.now() + 3_600_000));
    const { stderr } = await exec(behindProxy({ HTTPS_PROXY: 'http://127.0.0.1:1' }), '--profile', 'sso');
    expect(stderr).toContain('the proxy 127.0.0.1:1 cannot be used');
    expect(stderr).not.toContain('aws sso login');
  });

  describe('roles', () => {
    const roleArn = 'arn:aws:iam::111122223333:role/CompanyOperator';
    beforeAll(async () => {
      const { iam } = sandboxClients(sandbox().env);
      await iam.send(
        new CreateRoleCommand({
          RoleName: 'CompanyOperator',
          AssumeRolePolicyDocument: JSON.stringify({
            Version: '2012-10-17',
            Statement: [
              {
                Effect: 'Allow',
                Principal: { AWS: 'arn:aws:iam::111122223333:root' },
                Action: 'sts:AssumeRole',
              },
            ],
          }),
        }),
      );
      await iam.send(
        new PutRolePolicyCommand({
          RoleName: 'CompanyOperator',
          PolicyName: 'all',
          PolicyDocument: JSON.stringify({
            Version: '2012-10-17',
            Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }],
          }),
        }),
      );
    });
    const roleProfile = (arn: string, more = ''): void => {
      file(
        '.aws/config',
        `[profile role]\nrole_arn = ${arn}\nsource_profile = base\n${more}[profile base]\nregion = eu-west-1\n`,
      );
      file('.aws/credentials', `[base]\n${keyLines()}`);
    };

    it('AssumeRole goes through the proxy', async () => {
      roleProfile(roleArn);
      expect(await exec(behindProxy(), '--profile', 'role')).toMatchObject(THROUGH);
      expect(hosts()).toContain('sts.eu-west-1.amazonaws.com');
    });

    it('a refused AssumeRole names the role and the caller, and does not name ECS', async () => {
      const stranger = 'arn:aws:iam::111122223333:role/Nobody';
      roleProfile(stranger);
      const { status, stderr } = await exec(behindProxy(), '--profile', 'role', '--json');
      expect(status).toBe(4);
      const { error } = JSON.parse(stderr.trim().split('\n').at(-1) ?? '') as {
        error: { code: string; message: string; details: Record<string, string> };
      };
      expect(error).toMatchObject({
        code: 'assume-role-refused',
        details: { role: stranger, profile: 'role' },
      });
      expect(error.details['by']).toMatch(/^arn:aws:/);
      expect(error.message).not.toContain('ecs:');
    });

    const DEVICE = 'arn:aws:iam::111122223333:mfa/person';
    it('an MFA code is asked for once, and the AWS CLI shares the cached session', async () => {
      roleProfile(roleArn, `mfa_serial = ${DEVICE}\n`);
      const env = behindProxy();
      const first = new PtyProcess(['ls', 'clusters', '--profile', 'role'], { env });
      await first.until(new RegExp(`code of ${DEVICE} \\(profile role\\)`));
      first.write('123456\r');
      expect(await first.exit()).toMatchObject({ status: 0 });
      const cache = join(home, '.aws', 'cli', 'cache');
      expect(readdirSync(cache)).toHaveLength(1);
      expect(await exec(env, '--profile', 'role')).toMatchObject(THROUGH);
      expect(readdirSync(cache)).toHaveLength(1);
    });

    it('without a terminal exit 2 names the device', async () => {
      roleProfile(roleArn, `mfa_serial = ${DEVICE}\n`);
      const { status, stderr } = await exec(behindProxy(), '--profile', 'role');
      expect(status).toBe(2);
      expect(stderr).toContain(`profile role needs a code of the device ${DEVICE}`);
    });

    it('a web identity calls STS through the proxy', async () => {
      file('token', 'web-identity-token');
      signInAnswers['sts.eu-west-1.amazonaws.com'] = (request, response) => {
        request.resume();
        response.writeHead(403, { 'content-type': 'text/xml', 'x-amzn-requestid': 'r-2' });
        response.end(
          '<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message></Error></ErrorResponse>',
        );
      };
      const { status, stderr } = await exec(
        behindProxy({ AWS_ROLE_ARN: roleArn, AWS_WEB_IDENTITY_TOKEN_FILE: join(home, 'token') }),
      );
      expect(hosts()).toEqual(new Set(['sts.eu-west-1.amazonaws.com']));
      expect(status).toBe(4);
      expect(stderr).toContain(`the web identity token may not assume ${roleArn}`);
    });
  });

  it('a failed credential_process is reported with its own error output, without its command line', async () => {
    const script = file('vault.sh', 'echo "the vault is sealed" >&2; exit 3\n');
    file('.aws/config', `[profile vault]\ncredential_process = sh ${script} --token s3cret\n`);
    const { status, stderr } = await exec(behindProxy(), '--profile', 'vault');
    expect(status).toBe(4);
    expect(stderr).toContain(
      'credential_process of profile vault (sh) gave no credentials: the vault is sealed',
    );
    expect(stderr).not.toContain('s3cret');
  });

  it('a profile that does not exist is reported with the nearest name', async () => {
    file('.aws/config', `[profile staging]\nregion = eu-west-1\n`);
    const { status, stderr } = await exec(behindProxy(), '--profile', 'stagin');
    expect(status).toBe(4);
    expect(stderr).toContain(`no AWS profile stagin in ${join(home, '.aws', 'config')}`);
    expect(stderr).toContain('did you mean staging?');
  });

  it('login_session without a session: the advice is aws login', async () => {
    file('.aws/config', '[profile console]\nlogin_session = arn:aws:iam::111122223333:user/person\n');
    const { status, stderr } = await exec(behindProxy(), '--profile', 'console');
    expect(status).toBe(4);
    expect(stderr).toContain('\n  aws login --profile console\n');
  });

  it('stderr shows no message of the SDK beside our own', async () => {
    file('.aws/config', `[profile work]\nregion = eu-west-1\n${keyLines()}`);
    const { status, stderr } = await exec(behindProxy(keys()), '--profile', 'work', '--json');
    expect(status).toBe(0);
    for (const line of stderr.split('\n').filter((text) => text !== ''))
      expect(() => JSON.parse(line)).not.toThrow();
  });
});

describe('a profile that is chosen with our own options is used as with AWS_PROFILE', () => {
  const ENDPOINT = 'https://ecs.company.example';
  const chosen: readonly (readonly [string, (env: Record<string, string>) => Promise<Finished>])[] = [
    ['--profile', (env) => exec(env, '--profile', 'work')],
    ['FARGATE_CONNECT_PROFILE', (env) => exec({ ...env, FARGATE_CONNECT_PROFILE: 'work' })],
    [
      'AWS_DEFAULT_PROFILE, which goes before AWS_PROFILE',
      (env) => exec({ ...env, AWS_DEFAULT_PROFILE: 'work', AWS_PROFILE: 'other' }),
    ],
    [
      'a configuration file',
      (env) => {
        file('.config/fargate-connect/config.yaml', 'profile: work\n');
        return exec(env);
      },
    ],
  ];

  it.each(chosen)('%s: the endpoint_url of the profile is used', async (_, run) => {
    file(
      '.aws/config',
      `[profile work]\nendpoint_url = ${sandbox().endpoint}\n${keyLines()}[profile other]\nregion = us-east-1\n`,
    );
    expect(await run(behindProxy())).toMatchObject(THROUGH);
    expect(hosts()).toEqual(new Set());
  });

  const config = (): string =>
    `[profile work]\nservices = mine\nendpoint_url = ${sandbox().endpoint}\n${keyLines()}[services mine]\necs =\n  endpoint_url = ${ENDPOINT}\n`;

  it('the services section of the profile has precedence over its endpoint_url', async () => {
    file('.aws/config', config());
    await exec(behindProxy({ AWS_MAX_ATTEMPTS: '1' }), '--profile', 'work');
    expect(hosts()).toEqual(new Set(['ecs.company.example']));
  });

  it('AWS_ENDPOINT_URL_ECS has precedence over both', async () => {
    file('.aws/config', config());
    const env = behindProxy({ AWS_ENDPOINT_URL_ECS: sandbox().endpoint });
    expect(await exec(env, '--profile', 'work')).toMatchObject(THROUGH);
  });

  it.each([
    ['use_fips_endpoint', 'ecs-fips.eu-west-1.amazonaws.com'],
    ['use_dualstack_endpoint', 'ecs.eu-west-1.api.aws'],
  ])('AWS_IGNORE_CONFIGURED_ENDPOINT_URLS and %s are respected: %s', async (setting, host) => {
    file('.aws/config', config().replace('services = mine', `services = mine\n${setting} = true`));
    const env = behindProxy({ AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true', AWS_MAX_ATTEMPTS: '1' });
    await exec(env, '--profile', 'work');
    expect(hosts()).toContain(host);
    expect(hosts()).not.toContain('ecs.company.example');
  });

  it('a call that fails is made as often as max_attempts of the profile says', async () => {
    file('.aws/config', `[profile work]\nmax_attempts = 2\nretry_mode = standard\n${keyLines()}`);
    let requests = 0;
    signInAnswers['ecs.eu-west-1.amazonaws.com'] = (request, response) => {
      requests++;
      request.resume();
      response.writeHead(500, { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': 'r-3' });
      response.end('{"__type":"ServerException"}');
    };
    const { status } = await cli(['ls', 'clusters', '--profile', 'work'], { env: behindProxy() });
    expect(status).not.toBe(0);
    expect(requests).toBe(2);
  });
});

it('--ssmmessages: the data channel connects to that host and is signed for it', async () => {
  const endpoint = 'vpce-1-2.ssmmessages.eu-west-1.vpce.amazonaws.com';
  expect(await exec(behindProxy(keys()), '--ssmmessages', endpoint)).toMatchObject(THROUGH);
  expect(hosts()).toContain(endpoint);
  expect(hosts()).not.toContain('ssmmessages.eu-west-1.amazonaws.com');
});

describe('a response that does not come from AWS', () => {
  it.each([
    [200, { 'content-type': 'text/html' }],
    [403, { 'content-type': 'text/html; charset=utf-8' }],
    [500, { 'content-type': 'text/html' }],
    [302, { location: 'https://portal.example/login?session=s3cret' }],
    [511, {}],
    [403, { 'content-type': 'text/plain' }],
  ] as const)('status %d with headers %j is the error not-aws', async (status, headers) => {
    signInAnswers['ecs.eu-west-1.amazonaws.com'] = (request, response) => {
      request.resume();
      response.writeHead(status, headers);
      response.end('<html>please sign in</html>');
    };
    const result = await exec(behindProxy(keys()), '--json');
    expect(result.status).not.toBe(0);
    const { error } = JSON.parse(result.stderr.trim().split('\n').at(-1) ?? '') as {
      error: { code: string; message: string };
    };
    expect(error.code).toBe('not-aws');
    expect(error.message).toContain(`ecs.eu-west-1.amazonaws.com answered ${status}`);
    expect(error.message).toContain('this is not AWS: a proxy or a portal answered');
    expect(result.stderr).not.toContain('s3cret');
  });

  it.each([
    [200, { 'content-type': 'text/html' }],
    [403, { 'content-type': 'text/html; charset=utf-8' }],
    [302, { location: 'https://portal.example/login?session=s3cret' }],
  ] as const)(
    'status %d with headers %j to the WebSocket of the data channel is the error not-aws',
    async (status, headers) => {
      signInAnswers['ssmmessages.eu-west-1.amazonaws.com'] = (_request, response) => {
        response.writeHead(status, headers);
        response.end('<html>please sign in</html>');
      };
      const result = await exec(behindProxy(keys()), '--json');
      expect(result.status).not.toBe(0);
      const { error } = JSON.parse(result.stderr.trim().split('\n').at(-1) ?? '') as {
        error: { code: string; message: string };
      };
      expect(error.code).toBe('not-aws');
      expect(error.message).toMatch(
        new RegExp(
          `^ssmmessages\\.eu-west-1\\.amazonaws\\.com\\S* answered ${status} instead of a WebSocket`,
        ),
      );
      expect(error.message).toContain('this is not AWS: a proxy or a portal answered');
      expect(result.stderr).not.toContain('s3cret');
    },
  );
});

const FAKETIME = ['/usr/bin/faketime', '/usr/local/bin/faketime'].find((path) => existsSync(path));
/** Runs only where the Debian package `faketime` is installed. */
if (FAKETIME === undefined)
  reportSkip('a wrong clock in the network of a company', 'faketime is not installed');
describe.skipIf(FAKETIME === undefined)('a clock that is wrong', () => {
  it.each([
    ['+20m', 'ahead'],
    ['-20m', 'behind'],
  ])(
    '%s: API calls and the data channel are signed with the time of AWS, and one message says so',
    async (offset, which) => {
      const run = new PtyProcess(['-f', offset, process.execPath, ENTRY, ...EXEC, ...ECHO], {
        env: behindProxy(keys()),
        program: FAKETIME ?? '',
      });
      expect(await run.exit()).toMatchObject({ status: 0 });
      expect(run.text).toContain('through');
      expect(run.text.match(/this clock is 20 minutes (ahead|behind)/g)).toEqual([
        `this clock is 20 minutes ${which}`,
      ]);
    },
  );

  it.each(['+20m', '-20m'])(
    '%s: ends of leases, ages and the range of logs use the time of AWS',
    async (offset) => {
      const name = `clock${offset.startsWith('+') ? 'ahead' : 'behind'}`;
      const run = async (...args: readonly string[]): Promise<string> => {
        const tool = new PtyProcess(['-f', offset, process.execPath, ENTRY, ...args], {
          env: sandbox().env,
          program: FAKETIME ?? '',
          columns: 200,
        });
        const { status } = await tool.exit();
        expect({ args, status, text: tool.text }).toMatchObject({ args, status: 0 });
        return tool.text;
      };
      const bastion = ['--name', name];
      expect(await run('up', ...bastion, '--cluster', 'demo', '--ttl', '1h', '--yes')).toMatch(
        /is up: i-\w+, ends in (1h|59m\d*s?)\s/,
      );
      const status = await run('status', ...bastion);
      // Name, instance, state, type and market, age, time left.
      expect(status).toMatch(/running +\S+ spot +(\d+s|[0-2]m\d*s?) +(1h|5\dm\d*s?) /);
      await run('down', ...bastion, '--yes');
      await run('logs', 'orders-api', '--cluster', 'demo', '--since', '5m');
    },
  );
});
