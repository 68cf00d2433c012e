import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { decide } from '../../../src/sandbox/iam/evaluator.ts';
import { parsePolicy } from '../../../src/sandbox/iam/policy-document.ts';
import { type Document, grantsOf, POLICIES, without } from '../../support/grants.ts';
import { PROVED, provedDocument, type ProvedKind } from '../../support/proved-documents.ts';

/**
 * Every grant is tested: the proofs (test/proof/*-proof.test.ts) remove each grant of the documents in `PROVED`, and
 * this test checks that no other document is shipped, and that no grant is left out because a value is missing.
 */

const kinds = Object.keys(PROVED) as readonly ProvedKind[];
const shipped = readdirSync(POLICIES).map((file) => ({
  kind: file.replace(/\.json$/, ''),
  template: JSON.parse(readFileSync(join(POLICIES, file), 'utf8')) as
    | Document
    | { readonly Statement?: undefined },
}));

describe('every shipped IAM document', () => {
  it('has a proof', () => {
    const documents = shipped.flatMap(({ kind, template }) =>
      template.Statement === undefined ? [] : [kind],
    );
    expect([...kinds].sort()).toEqual(documents.sort());
  });

  it.each(kinds)('%s is proved completely: no statement, action or value is missing', (kind) => {
    const template = shipped.find((each) => each.kind === kind)?.template as Document;
    const proved = provedDocument(kind);
    for (const effect of ['Allow', 'Deny'] as const) {
      expect(grantsOf(proved, effect)).toEqual(grantsOf(template, effect));
    }
    expect(JSON.stringify(proved)).not.toMatch(/\$\{[a-z-]+\}/);
  });
});

const ROLE = 'arn:aws:iam::111122223333:role/fargate-connect/fargate-connect-default-eu-west-1';
const BOUNDARY = 'arn:aws:iam::111122223333:policy/fargate-connect/fargate-connect-bastion-boundary';
const sessionDocument = (name: string): string => `arn:aws:ssm:eu-west-1::document/${name}`;

/** What each Deny covers: `kind Sid` → resources, and for action patterns the actions that they match. */
const RESOURCES: Readonly<Record<string, readonly string[]>> = {
  NeverLoosenTheBoundary: [ROLE],
  NeverEditTheBoundaryPolicy: [BOUNDARY],
  NeverAShellOrACommand: [
    'SSM-SessionManagerRunShell',
    'AWS-StartInteractiveCommand',
    'AWS-StartNonInteractiveCommand',
    'AWS-StartSSHSession',
  ].map(sessionDocument),
  NeverAnotherDocument: [
    'SSM-SessionManagerRunShell',
    'AWS-StartInteractiveCommand',
    'AWS-StartNonInteractiveCommand',
    'AWS-StartSSHSession',
    'AWS-StartPortForwardingSession',
    'AWS-StartPortForwardingSessionToRemoteHost',
  ].map(sessionDocument),
  NoUnloggedSessionsIntoTasks: [
    'arn:aws:ecs:eu-west-1:111122223333:task/demo/1f0e9d8c7b6a45948372615049382716',
  ],
  NeverTheseEvenByResourcePolicy: [ROLE],
  OnlyWithMetadataTokens: ['arn:aws:ec2:eu-west-1:111122223333:instance/*'],
  OnlySpot: ['arn:aws:ec2:eu-west-1:111122223333:instance/*'],
};
/** The context that a request needs to match a Deny. */
const CONTEXT: Readonly<Record<string, readonly (readonly [string, readonly string[]])[]>> = {
  OnlyWithMetadataTokens: [['ec2:metadatahttptokens', ['optional']]],
  OnlySpot: [['ec2:instancemarkettype', ['on-demand']]],
};
const EXAMPLE: Readonly<Record<string, string>> = {
  'iam:*': 'iam:CreateUser',
  'organizations:*': 'organizations:LeaveOrganization',
  'ec2:*': 'ec2:RunInstances',
  'ssm:GetParameter*': 'ssm:GetParametersByPath',
  'secretsmanager:*': 'secretsmanager:GetSecretValue',
};
const EVERYTHING = parsePolicy({
  Version: '2012-10-17',
  Statement: [{ Sid: 'All', Effect: 'Allow', Action: '*', Resource: '*' }],
});

/**
 * Evaluates for a caller who may otherwise do everything: as an identity policy, and as a boundary extended to
 * everything.
 */
function decisions(document: Document, sid: string, action: string, resource: string) {
  const named = { name: 'it', document: parsePolicy(document) };
  const all = { name: 'all', document: EVERYTHING };
  const wide = {
    ...document,
    Statement: [...document.Statement, { Sid: 'Wide', Effect: 'Allow', Action: '*', Resource: '*' }],
  };
  const question = { action, resource, context: new Map(CONTEXT[sid] ?? []) };
  return [
    decide({ identity: [named, all], boundary: undefined }, question),
    decide({ identity: [all], boundary: { name: 'boundary', document: parsePolicy(wide) } }, question),
  ];
}

const denials = kinds.flatMap((kind) =>
  grantsOf(provedDocument(kind), 'Deny').map((denial) => ({ kind, ...denial })),
);

describe('every Deny', () => {
  it('is listed here', () => {
    expect(denials.length).toBeGreaterThan(30);
    expect([...new Set(denials.map(({ sid }) => sid))].sort()).toEqual(Object.keys(RESOURCES).sort());
  });

  it.each(denials)(
    '$kind $sid $action: overrides every grant, and is the only statement that does',
    (denial) => {
      const { kind, sid, action } = denial;
      const document = provedDocument(kind);
      const asked = EXAMPLE[action] ?? action;
      for (const resource of RESOURCES[sid] ?? []) {
        for (const decision of decisions(document, sid, asked, resource)) {
          expect(decision).toMatchObject({
            allowed: false,
            reason: expect.stringContaining('explicit deny') as string,
          });
        }
        for (const decision of decisions(without(document, denial), sid, asked, resource)) {
          expect([resource, decision.allowed]).toEqual([resource, true]);
        }
      }
    },
  );
});

describe('a guardrail whose condition key is not in the request', () => {
  it('denies nothing: it is not confirmed that EC2 sets these keys in the launches of a fleet', () => {
    const [asIdentity] = decisions(
      provedDocument('operator-guardrail'),
      '',
      'ec2:RunInstances',
      RESOURCES['OnlySpot']?.[0] ?? '',
    );
    expect(asIdentity).toMatchObject({ allowed: true });
  });
});
