import { describe, expect, it } from 'vitest';
import {
  type CredentialFailure,
  credentialsError,
  isCredentialsProblem,
} from '../../src/aws/credential-errors.ts';
import type { Profile } from '../../src/aws/profiles.ts';
import { ToolError } from '../../src/core/errors.ts';

const named = (name: string, message: string, more: object = {}): Error =>
  Object.assign(new Error(message), { name, ...more });
const provider = (message: string): Error => named('CredentialsProviderError', message);
const denied = (message: string): Error => named('AccessDenied', message);

function failure(
  profiles: Readonly<Record<string, Profile>>,
  change: Partial<CredentialFailure> = {},
): CredentialFailure {
  return {
    env: {},
    name: 'dev',
    isNamed: true,
    files: {
      configPath: '/home/me/.aws/config',
      credentialsPath: '/home/me/.aws/credentials',
      profiles,
      ssoSessions: [],
    },
    ...change,
  };
}

const outcome = (error: unknown, of: CredentialFailure) => {
  const { code, message, role, details, cause } = credentialsError(error, of);
  expect(cause).toBe(error);
  return { code, message, role, details };
};

describe('an error of a credential provider', () => {
  it.each([
    [provider('x'), true],
    [named('TokenProviderError', 'x'), true],
    [named('AccessDenied', 'x'), false],
    [{ name: 'CredentialsProviderError' }, false],
  ])('is recognised by its name: %s', (error, expected) => {
    expect(isCredentialsProblem(error)).toBe(expected);
  });

  it('that is an error of the tool already stays as it is', () => {
    const error = new ToolError('access', 'mfa-needed', 'a code is needed');
    expect(credentialsError(error, failure({}))).toBe(error);
  });
});

describe('no credentials at all', () => {
  it('names the profile only if the user named one, and gives the first sentence of the SDK', () => {
    const error = provider('Could not load credentials from any providers.\n  at x');
    expect(outcome(error, failure({}))).toEqual({
      code: 'credentials-missing',
      role: 'access',
      message: 'no AWS credentials in profile dev: Could not load credentials from any providers',
      details: { profile: 'dev' },
    });
    expect(outcome(error, failure({}, { name: 'default', isNamed: false }))).toEqual({
      code: 'credentials-missing',
      role: 'access',
      message: 'no AWS credentials: Could not load credentials from any providers',
      details: { profile: undefined },
    });
  });

  it('gives the text of what was thrown instead of an error', () => {
    expect(outcome('no luck', failure({}))).toMatchObject({
      message: 'no AWS credentials in profile dev: no luck',
    });
  });

  it('says which source_profile is missing', () => {
    const profiles = { dev: { source_profile: 'base' } };
    expect(outcome(provider('x'), failure(profiles))).toEqual({
      code: 'profile-incomplete',
      role: 'access',
      message: 'AWS profile dev gives no credentials: its source_profile base is in neither file',
      details: { profile: 'dev', file: '/home/me/.aws/config' },
    });
  });

  it('names the profile whose source_profile is missing, which another one leads to', () => {
    const profiles = { dev: { source_profile: 'base' }, base: { source_profile: 'root' } };
    expect(outcome(provider('x'), failure(profiles)).message).toBe(
      'AWS profile base gives no credentials: its source_profile root is in neither file',
    );
  });

  it('ends the search where profiles refer to each other', () => {
    const profiles = { dev: { source_profile: 'base' }, base: { source_profile: 'dev' } };
    expect(outcome(provider('x'), failure(profiles)).code).toBe('credentials-missing');
  });
});

describe('a source of credentials that cannot be reached', () => {
  const profiles = { dev: { sso_session: 'work' } };

  it.each([
    [named('Error', 'getaddrinfo ENOTFOUND', { code: 'ENOTFOUND' }), 'ENOTFOUND'],
    [named('TimeoutError', 'no answer'), undefined],
  ])('is no problem of the profile: %s', (error, systemError) => {
    const lastAnswer = { host: 'portal.sso.eu-west-1.amazonaws.com', error };
    const thrown = provider('the SSO session has expired');
    const found = credentialsError(thrown, failure(profiles, { lastAnswer }));
    expect(found).toMatchObject({
      code: 'aws-unreachable',
      role: 'transport',
      message: `no answer from portal.sso.eu-west-1.amazonaws.com, which has the credentials of profile dev: ${error.message}`,
      details: { host: 'portal.sso.eu-west-1.amazonaws.com', profile: 'dev', systemError },
    });
    expect(found.cause).toBe(error);
  });

  it('is the error of the proxy or of TLS, if there is one', () => {
    const error = new ToolError('transport', 'proxy-refused', 'the proxy answered 407');
    const lastAnswer = { host: 'sts.amazonaws.com', error };
    expect(credentialsError(provider('x'), failure(profiles, { lastAnswer }))).toBe(error);
  });

  it('is not assumed for an error without a code of the system', () => {
    const lastAnswer = { host: 'portal.sso.eu-west-1.amazonaws.com', error: named('Error', 'bad json') };
    const of = failure({ dev: { login_session: 'x' } }, { lastAnswer });
    expect(outcome(provider('x'), of).code).toBe('credentials-expired');
  });
});

describe('credential_process', () => {
  const command = '/opt/tool --secret s3cr3t';
  const profiles = { dev: { credential_process: command } };
  const message = (text: string): string => outcome(provider(text), failure(profiles)).message;

  it('is shown by its program, without arguments, and with the last lines of its output', () => {
    expect(
      outcome(
        provider(`Command failed: ${command}\none\n\n two \nthree\nfour, from ${command}\n`),
        failure(profiles),
      ),
    ).toEqual({
      code: 'credential-process-failed',
      role: 'access',
      message: 'credential_process of profile dev (/opt/tool) gave no credentials: two / three / four, from',
      details: { profile: 'dev', program: '/opt/tool' },
    });
  });

  it('that printed nothing says so', () => {
    expect(message(`Command failed: ${command}`)).toBe(
      'credential_process of profile dev (/opt/tool) gave no credentials: it printed nothing',
    );
  });

  it('is cut to the end of a long output', () => {
    const text = message(`${'x'.repeat(600)}END`);
    expect(text.endsWith(`: ${'x'.repeat(497)}END`)).toBe(true);
  });

  it('of a source profile is named with that profile', () => {
    const chain = { dev: { source_profile: 'base' }, base: profiles.dev };
    expect(outcome(provider('no'), failure(chain)).details).toEqual({
      profile: 'base',
      program: '/opt/tool',
    });
  });

  it('is not blamed for a refusal of AWS', () => {
    expect(outcome(denied('no'), failure(profiles)).code).toBe('assume-role-refused');
  });
});

describe('a role that AWS refuses', () => {
  const role = 'arn:aws:iam::123456789012:role/dev';
  const ann = 'arn:aws:iam::123456789012:user/ann';
  const refusal = `User: ${ann} is not authorized to perform: sts:AssumeRole on resource: ${role}`;

  it('names who may not assume it', () => {
    const profiles = { dev: { role_arn: role, source_profile: 'base' }, base: {} };
    expect(outcome(denied(refusal), failure(profiles))).toEqual({
      code: 'assume-role-refused',
      role: 'access',
      message: `${ann} may not assume ${role} (profile dev)`,
      details: { profile: 'dev', role, by: ann, externalId: false },
    });
  });

  it('gives the reason that AWS adds', () => {
    const profiles = { dev: { role_arn: role, source_profile: 'base', external_id: 'x' } };
    const found = outcome(denied(`${refusal} with an explicit deny`), failure(profiles));
    expect(found.message).toBe(`${ann} may not assume ${role} (profile dev): with an explicit deny`);
    expect(found.details['externalId']).toBe(true);
  });

  it.each([
    [{ role_arn: role, source_profile: 'base' }, 'profile base'],
    [{ role_arn: role, credential_source: 'Environment' }, 'Environment'],
    [{ role_arn: role }, 'its source'],
    [{ role_arn: role, web_identity_token_file: '/token' }, 'the web identity token'],
  ])('names the source where AWS does not: %j', (profile, by) => {
    const found = outcome(denied('Not authorized'), failure({ dev: profile }));
    expect(found.message).toBe(`${by} may not assume ${role} (profile dev): Not authorized`);
    expect(found.details).toEqual({
      profile: 'dev',
      role,
      by,
      externalId: by === 'the web identity token',
    });
  });

  it('is the one of several that AWS names', () => {
    const other = 'arn:aws:iam::123456789012:role/base';
    const profiles = {
      dev: { role_arn: role, source_profile: 'base' },
      base: { role_arn: other, source_profile: 'root' },
      root: {},
    };
    expect(outcome(denied(`no ${other}`), failure(profiles)).details).toMatchObject({
      profile: 'base',
      role: other,
    });
    expect(outcome(denied('no'), failure(profiles)).details).toMatchObject({ profile: 'dev', role });
  });

  it.each([
    [{ AWS_ROLE_ARN: role }, role],
    [{}, 'the role'],
  ])('is that of the environment without one in a profile: %j', (env, expected) => {
    expect(outcome(denied('no'), failure({}, { env })).details).toEqual({
      profile: 'dev',
      role: expected,
      by: 'the web identity token',
      externalId: true,
    });
  });

  it('was refused with the code of the MFA device that was asked for', () => {
    const profiles = { dev: { role_arn: role, mfa_serial: 'arn:mfa' } };
    expect(outcome(denied('invalid MFA'), failure(profiles, { mfaDevice: 'arn:mfa' }))).toEqual({
      code: 'mfa-refused',
      role: 'access',
      message: `AWS refused ${role} with this code of arn:mfa: invalid MFA`,
      details: { profile: 'dev', role, device: 'arn:mfa' },
    });
    expect(outcome(denied('no'), failure(profiles, { mfaDevice: 'arn:other' })).code).toBe(
      'assume-role-refused',
    );
    expect(outcome(denied('no'), failure({ dev: { role_arn: role } })).code).toBe('assume-role-refused');
  });
});

describe('single sign-on', () => {
  const complete = { sso_session: 'work', sso_account_id: '123456789012', sso_role_name: 'Dev' };
  const files = { ...failure({}).files, ssoSessions: ['work'] };
  const of = (profile: Profile, change: Partial<CredentialFailure> = {}): CredentialFailure =>
    failure({}, { ...change, files: { ...files, profiles: { dev: profile } } });

  it('whose sign-in has expired', () => {
    expect(outcome(provider('The SSO session has expired.'), of(complete))).toEqual({
      code: 'credentials-expired',
      role: 'access',
      message: 'nobody is signed in for profile dev, or the sign-in has expired: The SSO session has expired',
      details: { profile: 'dev', signIn: 'sso' },
    });
  });

  it('of the older form, without a session', () => {
    const { sso_session: _, ...rest } = complete;
    const found = outcome(provider('x'), of({ ...rest, sso_start_url: 'https://x' }));
    expect(found).toMatchObject({ code: 'credentials-expired', details: { signIn: 'sso' } });
  });

  it('that gives no such role', () => {
    const lastAnswer = { host: 'portal', status: 403 };
    expect(outcome(provider('x'), of(complete, { lastAnswer }))).toEqual({
      code: 'sso-role-refused',
      role: 'access',
      message: 'single sign-on gives you no role Dev in account 123456789012 (profile dev)',
      details: { profile: 'dev', role: 'Dev', account: '123456789012' },
    });
    expect(outcome(provider('x'), of({ sso_session: 'work' }, { lastAnswer })).details).toEqual({
      profile: 'dev',
      role: '',
      account: '',
    });
    const other = { host: 'portal', status: 401 };
    expect(outcome(provider('x'), of(complete, { lastAnswer: other })).code).toBe('credentials-expired');
  });

  it.each([
    [{ sso_session: 'work' }, 'it has no sso_account_id'],
    [{ sso_session: 'work', sso_account_id: '1' }, 'it has no sso_role_name'],
    [{ ...complete, sso_session: 'play' }, 'there is no section [sso-session play]'],
  ])('whose profile is incomplete: %j', (profile, what) => {
    expect(outcome(provider('x'), of(profile))).toMatchObject({
      code: 'profile-incomplete',
      message: `AWS profile dev gives no credentials: ${what}`,
    });
  });
});

it('a sign-in of `aws login` that has expired', () => {
  const of = failure({ dev: { login_session: 'arn' } });
  expect(outcome(provider('expired'), of)).toMatchObject({
    code: 'credentials-expired',
    details: { profile: 'dev', signIn: 'login' },
  });
});
