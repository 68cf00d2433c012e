import { DescribeNetworkInterfacesCommand } from '@aws-sdk/client-ec2';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { defaultSeed } from '../../src/sandbox/world/seed.ts';
import { seedOfWorld } from '../../src/sandbox/world/world-seed.ts';
import { cli, type CliOutcome } from '../support/cli-in-process.ts';
import { type Document, grantsOf, proveGrants, type Symptom, tellProof } from '../support/grants.ts';
import { checkCommand, provedDocument } from '../support/proved-documents.ts';
import { sandboxClients } from '../support/sandbox-clients.ts';

/** Proof of the document `doctor`: it is enough for `doctor SERVICE` and for a path into another VPC, and without any grant `doctor` says what it could not read. */

let sandbox: Sandbox;
beforeAll(async () => {
  const world = {
    base: 'empty',
    networks: [
      {
        name: 'shop',
        cidr: '10.50.0.0/16',
        subnets: [{ name: 'a', cidr: '10.50.1.0/24' }],
        endpoints: ['ssmmessages', 'logs'],
      },
      {
        name: 'other',
        cidr: '10.60.0.0/16',
        subnets: [{ name: 'a', cidr: '10.60.1.0/24' }],
        endpoints: ['logs'],
      },
    ],
    roles: [{ name: 'orders-task', allow: ['ssmmessages:*', 'logs:*'] }],
    logGroups: [{ name: '/exec' }],
    databases: [{ id: 'catalog', engine: 'aurora-postgresql', network: 'shop' }],
    clusters: [{ name: 'shop', exec: { logGroup: '/exec' } }],
    services: [{ name: 'orders-api', cluster: 'shop', network: 'shop', taskRole: 'orders-task' }],
  } as const;
  sandbox = await startSandbox({ seed: seedOfWorld('world.yaml', world, defaultSeed()) });
}, 60_000);
afterAll(() => sandbox.close());

/** An address in the VPC `other`. */
let otherAddress = '';
beforeAll(async () => {
  const { ec2 } = sandboxClients(sandbox.env);
  const { NetworkInterfaces = [] } = await ec2.send(new DescribeNetworkInterfacesCommand());
  otherAddress = NetworkInterfaces.flatMap(({ PrivateIpAddress: address }) =>
    address?.startsWith('10.60.') === true ? [address] : [],
  )[0]!;
});

let readers = 0;
const lastReader = (): string => `reader-${readers}`;
const readerWith = (policies: readonly Document[]): Readonly<Record<string, string>> => {
  readers++;
  return sandbox.createPrincipal({ userName: lastReader(), policies });
};

/** The reader may call ECS Exec: otherwise that would be a finding. */
const EXEC: Document = {
  Version: '2012-10-17',
  Statement: [{ Sid: 'Exec', Effect: 'Allow', Action: 'ecs:ExecuteCommand', Resource: '*' }],
};
/**
 * The outcome of `doctor SERVICE`, or of the path into the other VPC if only that could not be judged. No peering leads
 * there, so that the path itself is blocked.
 */
async function flow(documents: readonly Document[]): Promise<CliOutcome> {
  const options = { env: readerWith([...documents, EXEC]), retries: false } as const;
  const service = await cli(['doctor', 'orders-api', '--cluster', 'shop'], options);
  if (service.status !== 0) return service;
  const database = await cli(['doctor', '--db', 'catalog'], options);
  if (database.status !== 0) return database;
  const ends = ['--path', 'orders-api', `${otherAddress}:443`];
  const path = await cli(['doctor', ...ends, '--cluster', 'shop'], options);
  expect(path.stdout).toContain('path-blocked');
  return path.stdout.includes('COULD NOT TELL') ? path : service;
}

/** A call that everything else depends on ends `doctor` with exit 4; any other becomes a finding that names the action. */
const named: Symptom = (outcome, { action }) =>
  (outcome.status === 1 && outcome.stdout.includes(`COULD NOT TELL`) && outcome.stdout.includes(action)) ||
  (outcome.status === 4 && outcome.stderr.includes(action));

it('is sufficient, and every grant in it is needed', async () => {
  const document = provedDocument('doctor');
  const whole = await flow([document]);
  expect([whole.status, whole.stdout]).toEqual([0, '']);
  const shows = Object.fromEntries(grantsOf(document).map(({ sid, action }) => [`${sid} ${action}`, named]));
  const proof = await proveGrants([document], flow, {
    unnamed: {
      shows,
      check: (documents) => {
        readerWith([...documents, EXEC]);
        return cli(checkCommand('doctor', `user/${lastReader()}`), { env: sandbox.env });
      },
    },
  });
  tellProof('doctor', proof);
  expect(proof.idle).toEqual([]);
  expect(proof.tried).toBe(grantsOf(document).length);
}, 300_000);

it('writes nothing', async () => {
  const before = sandbox.snapshot();
  await cli(['doctor', 'orders-api', '--cluster', 'shop'], { env: sandbox.env });
  expect(sandbox.snapshot()).toBe(before);
});
