import { expect, it } from 'vitest';
import { testSandbox } from '../../support/test-sandbox.ts';
import { cli } from '../../support/cli-in-process.ts';

const sandbox = testSandbox();

it.each([
  ['exec orders-api --cluster demo -- id', 'exec'],
  ['forward -L 0:db.internal:5432 --via bastion', 'forward'],
  ['shell', 'shell'],
  ['up --cluster demo --yes', 'operator'],
  ['down', 'operator'],
])('%s without any permission names the document %s, and no broader one', async (command, document) => {
  const env = sandbox().createPrincipal({ userName: `nobody-${document}-${command.length}`, policies: [] });
  const outcome = await cli(command.split(' '), { env });
  expect(outcome.status).toBe(4);
  expect(outcome.stderr).toMatch(
    new RegExp(` {2}fargate-connect policy ${document}(?: --cluster demo)? {3}#`),
  );
});

it('up of an operator in an account without the boundary says what an administrator has to do', async () => {
  const { stdout } = await cli(['policy', 'operator', '--cluster', 'demo'], { env: sandbox().env });
  const env = sandbox().createPrincipal({ userName: 'operator', policies: [JSON.parse(stdout) as unknown] });
  const up = ['up', '--cluster', 'demo', '--yes'];
  const refused = await cli(up, { env });
  expect(refused.status).toBe(4);
  expect(refused.stderr).toContain('fargate-connect policy bastion-boundary --cluster demo > boundary.json');
  expect(refused.stderr).toContain(
    'aws iam create-policy --path /fargate-connect/ --policy-name fargate-connect-bastion-boundary',
  );
  expect(refused.stderr).not.toContain('policy operator');
});
