import { quoteWord } from '../../core/shell-words.ts';
import { withoutPasswords } from '../../ui/printable.ts';
import type { Rows } from './rows.ts';

/** Advice about profiles, credentials and the network between this machine and AWS. */

const CHECK_PROXY = 'check HTTPS_PROXY and ALL_PROXY, or add the host to NO_PROXY';

const DATABASE_CA = [
  '--ca FILE   # the authorities of your own; without it those of AWS are used',
  'docs/databases.md, "TLS", says which authorities come with the program',
];
const COMPANY_CA = [
  'behind a proxy that opens TLS: export AWS_CA_BUNDLE=/path/to/company-ca.pem (or ca_bundle in the profile)',
  'NODE_EXTRA_CA_CERTS=/path/to/company-ca.pem does the same',
];

/** `did you mean a or b?` */
const didYouMean = (names: readonly string[]): readonly string[] =>
  names.length === 0 ? [] : [`did you mean ${names.join(' or ')}?`];

/** Up to this number of profiles, each one gets a line of advice. */
const MOST_PROFILES = 3;

export const CREDENTIALS_ADVICE = {
  'arn-elsewhere': ({ arnRegion, arnAccount, region, kind, usedBy }) =>
    usedBy === 'document'
      ? kind === 'vpc' && arnRegion === region
        ? [`--vpc-owner ${arnAccount}   # the account that shares the VPC`]
        : [`--region ${arnRegion} --account ${arnAccount}   # the document of that place`]
      : arnRegion === region
        ? ['--profile NAME   # credentials of that account']
        : [`--region ${arnRegion}`, '--profile NAME   # if it is of another account, too'],
  'arn-kind': ({ flag, expected }) => [`${flag} takes a name, or ${expected}`],
  'assume-role-refused': ({ role, by, externalId }) => [
    `the trust policy of ${role} must name ${by}, and ${by} must be allowed sts:AssumeRole on it`,
    ...(externalId ? [] : ['a role of another company often wants an external_id in the profile']),
  ],
  'aws-throttled': ({ action }, { context }) => [
    ...(/^ecs:(List|Describe)/.test(action)
      ? [
          context.given.cluster === undefined
            ? 'ask for less: --cluster NAME looks at one cluster only'
            : 'ask for less: --service NAME, or --task ID, looks at one service only',
        ]
      : []),
    'try again in a minute: AWS counts the calls of everybody in the account and region',
  ],
  'aws-unreachable': ({ regions = [], profile, endpoint }) => [
    ...(endpoint === undefined
      ? []
      : [
          `unset AWS_ENDPOINT_URL   # it is ${withoutPasswords(endpoint)}; without it the calls go to AWS itself`,
        ]),
    ...didYouMean(
      profile === undefined
        ? regions.map((region) => `--region ${region}`)
        : regions.map((region) => `${region} in profile ${profile}`),
    ),
    'check the network, HTTPS_PROXY, NO_PROXY and the region (--region)',
  ],
  'ca-bundle-unreadable': () => ['a file of PEM certificates is expected: -----BEGIN CERTIFICATE----- …'],
  'credential-process-failed': ({ profile }) => [
    `aws configure get credential_process --profile ${profile}   # run that command by hand`,
  ],
  'endpoint-invalid': ({ variable }) => [
    `export ${variable}=https://HOST:PORT`,
    `unset ${variable}   # then the calls go to AWS itself`,
  ],
  'credentials-expired': ({ profile, signIn }, { context }) => {
    const name = profile ?? context.given.profile ?? 'NAME';
    if (signIn === 'sso') return [`aws sso login --profile ${name}`];
    if (signIn === 'login') return [`aws login --profile ${name}`];
    return [
      `aws sso login --profile ${name}   # with single sign-on`,
      'otherwise export fresh AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN',
    ];
  },
  'credentials-ending': ({ profile, signIn, reason, isFixed }, { context }) => {
    const name = quoteWord(profile ?? context.given.profile ?? 'NAME');
    if (isFixed === true) return ['export fresh keys, then start this command again'];
    if (signIn === 'login') return [`aws login --profile ${name}`];
    if (signIn === 'sso') return [`aws sso login --profile ${name}`];
    if (reason === 'credential-process-failed')
      return [`aws configure get credential_process --profile ${name}   # run that command by hand`];
    return [
      `aws sts get-caller-identity --profile ${name}   # ${reason.startsWith('mfa-') ? 'asks for the code' : 'says why'}`,
    ];
  },
  'credentials-missing': ({ profile }, lines) => [
    ...(profile === undefined
      ? [
          'aws configure list-profiles   # then give --profile NAME',
          'aws sso login --profile NAME   # with single sign-on',
        ]
      : [`aws configure sso --profile ${profile}   # or: aws configure --profile ${profile}`]),
    'or export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    lines.tool('demo', {}, 'needs no account'),
  ],
  'credentials-refused': (_, lines) => [
    lines.aws('sts get-caller-identity', 'are they complete, and of the right account'),
    'date -u   # a clock that is off by more than five minutes invalidates every signature',
  ],
  'mfa-needed': ({ profile }) => [
    `aws sts get-caller-identity --profile ${profile}   # asks for it; the session that it opens counts here too`,
  ],
  'mfa-refused': () => [
    'a code counts once, and for half a minute: wait for the next one',
    'is it the code of this device?',
  ],
  'not-aws': () => [
    'open a page in the browser: a network may want a sign-in first',
    'check HTTPS_PROXY and NO_PROXY; a proxy may forbid this host',
  ],
  'profile-incomplete': ({ profile, file }) => [`look at [profile ${profile}] in ${file}`],
  'profile-not-found': ({ profile, candidates, existing }, lines) => [
    ...didYouMean(candidates),
    ...(existing === 0 ? [] : ['aws configure list-profiles']),
    `aws configure sso --profile ${profile}   # makes one`,
    ...(existing === 0 ? [lines.tool('demo', {}, 'needs no account')] : []),
  ],
  'proxy-invalid': ({ variable }) => [
    `export ${variable}=http://HOST:PORT   # or socks5h://HOST:PORT`,
    'or add the host to NO_PROXY',
  ],
  'proxy-refused': ({ needsLogin, scheme }) =>
    needsLogin
      ? [
          `user and password go into the address: ${scheme === 'http' ? 'HTTPS_PROXY=http' : 'ALL_PROXY=socks5h'}://USER:PASSWORD@HOST:PORT`,
        ]
      : [CHECK_PROXY],
  'proxy-unreachable': () => [CHECK_PROXY],
  'region-missing': ({ profile, candidates }, lines) => [
    'give --region, e.g. --region eu-west-1',
    ...candidates.slice(0, MOST_PROFILES).map((name) => `--profile ${quoteWord(name)}   # has a region`),
    ...(candidates.length > MOST_PROFILES ? ['aws configure list-profiles'] : []),
    `aws configure set region REGION --profile ${quoteWord(profile)}`,
    lines.tool('demo', {}, 'needs no account'),
  ],
  'region-unknown': ({ candidates }) =>
    candidates.length === 0 ? ['for example --region eu-west-1'] : didYouMean(candidates),
  'sso-role-refused': () => ['aws configure sso   # lists the accounts and roles that you have'],
  'tls-failed': () => ['does it speak TLS at all? an http:// proxy is often written https://'],
  'tls-out-of-date': () => [
    'date -u   # is the clock of this machine right',
    'behind a proxy that opens TLS: its certificate may have ended',
  ],
  'tls-untrusted': (_, lines) => (lines.context.command === 'db' ? DATABASE_CA : COMPANY_CA),
  'tls-wrong-host': (_, lines) => [
    ...(lines.context.command === 'db'
      ? ['the forward leads to another server than the name says: a proxy in the VPC, or DNS there']
      : []),
    'another server answers under this name: check DNS, the endpoint settings and HTTPS_PROXY',
  ],
} as const satisfies Rows;
