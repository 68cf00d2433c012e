import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { decide } from '../../../src/sandbox/iam/evaluator.ts';
import { parsePolicy } from '../../../src/sandbox/iam/policy-document.ts';
import { type Document, grantsOf, POLICIES, without } from '../../support/grants.ts';
import { PROVED, provedDocument, type ProvedKind } from '../../support/proved-documents.ts';

/**
 * No grant is left untried: the proofs (test/proof/*-proof.test.ts) take away everything that is in the documents of
 * `PROVED`, and here is held that nothing is shipped besides, and that nothing of it is left out for want of a value.
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

  it.each(kinds)('%s is proved whole: no statement, action or value is missing', (kind) => {
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

/** What a Deny is about: `kind Sid` → resources, and for actions that are patterns what they stand for. */
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
/** What the request has to say for a Deny to be about it. */
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

/** To somebody who may do everything otherwise: as an identity policy, and as a boundary widened to everything. */
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
  it('is known here', () => {
    expect(denials.length).toBeGreaterThan(30);
    expect([...new Set(denials.map(({ sid }) => sid))].sort()).toEqual(Object.keys(RESOURCES).sort());
  });

  it.each(denials)(
    '$kind $sid $action: holds against everything, and nothing else in the document does',
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
  it('denies nothing: whether EC2 sets these keys in the launches of a fleet is not confirmed', () => {
    const [asIdentity] = decisions(
      provedDocument('operator-guardrail'),
      '',
      'ec2:RunInstances',
      RESOURCES['OnlySpot']?.[0] ?? '',
    );
    expect(asIdentity).toMatchObject({ allowed: true });
  });
});
