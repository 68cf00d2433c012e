import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { defaultSeed } from '../../src/sandbox/world/seed.ts';
import { seedOfWorld } from '../../src/sandbox/world/world-seed.ts';
import { cli, type CliOutcome } from '../support/cli-in-process.ts';
import { type Document, grantsOf, proveGrants, tellProof } from '../support/grants.ts';
import { provedDocument } from '../support/proved-documents.ts';

/**
 * Proof of the document `doctor-fix`, beside `doctor` and `db`: it is enough for `doctor --fix` and `doctor --undo`,
 * and without any of its grants one of them ends with exit 4 and names the action.
 */

let sandbox: Sandbox;
beforeAll(async () => {
  const world = {
    base: 'empty',
    networks: [
      {
        name: 'shop',
        cidr: '10.50.0.0/16',
        subnets: [{ name: 'a', cidr: '10.50.1.0/24' }],
        securityGroups: [
          { name: 'tasks', egress: [{ port: 443 }] },
          { name: 'database', ingress: [{ port: 3306, cidr: '10.9.0.0/16' }] },
        ],
      },
    ],
    roles: [{ name: 'orders-task' }],
    clusters: [{ name: 'shop' }],
    services: [
      {
        name: 'orders-api',
        cluster: 'shop',
        network: 'shop',
        securityGroup: 'tasks',
        taskRole: 'orders-task',
      },
    ],
    databases: [{ id: 'orders-db', network: 'shop', securityGroup: 'database' }],
  } as const;
  sandbox = await startSandbox({ seed: seedOfWorld('world.yaml', world, defaultSeed()) });
}, 60_000);
afterAll(() => sandbox.close());

const SERVICE = ['doctor', 'orders-api', '--cluster', 'shop'] as const;
const DATABASE = ['doctor', '--db', 'orders-db', 'orders-api', '--cluster', 'shop'] as const;
/** What `doctor --db` and ECS Exec need besides, of which other tests prove the documents. */
const BESIDE: Document = {
  Version: '2012-10-17',
  Statement: [
    { Sid: 'Beside', Effect: 'Allow', Action: ['rds:Describe*', 'ecs:ExecuteCommand'], Resource: '*' },
  ],
};

let people = 0;
async function flow(documents: readonly Document[]): Promise<CliOutcome> {
  const userName = `fixer-${++people}`;
  const env = sandbox.createPrincipal({
    userName,
    policies: [...documents, provedDocument('doctor'), BESIDE],
  });
  const steps = [
    [...SERVICE, '--fix'],
    [...DATABASE, '--fix'],
    [...SERVICE, '--undo'],
    [...DATABASE, '--undo'],
  ];
  try {
    for (const step of steps) {
      const outcome = await cli([...step, '--yes'], { env, retries: false });
      // After --fix other findings can be left; an error has nothing on stdout.
      if (outcome.status > 1) return outcome;
    }
    return { status: 0, stdout: '', stderr: '' };
  } finally {
    for (const step of [SERVICE, DATABASE]) await cli([...step, '--undo', '--yes'], { env: sandbox.env });
  }
}

it('is sufficient, and every grant in it is needed', async () => {
  const document = provedDocument('doctor-fix');
  expect(await flow([document])).toMatchObject({ status: 0 });
  const proof = await proveGrants([document], flow);
  tellProof('doctor-fix', proof);
  expect(proof.idle).toEqual([]);
  expect(proof.tried).toBe(grantsOf(document).length);
}, 300_000);
