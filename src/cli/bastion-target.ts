import { failed, noMatch, usage } from '../core/errors.ts';
import type { Bastion } from '../provision/bastion.ts';
import { findBastions } from '../provision/inventory.ts';
import type { CommandContext } from './context.ts';

/** The bastion a session should go to: the named one, or the newest that runs. Throws `no-bastion` (exit 3), `bastion-ambiguous` (2). */
export async function findBastion(context: CommandContext, name: string | undefined): Promise<Bastion> {
  const ec2 = await (await context.account()).ec2();
  const found = await findBastions(ec2, name === undefined ? {} : { name });
  const running = found.filter((bastion) => bastion.state === 'running');
  const [bastion] = running;
  if (bastion === undefined) {
    const starting = found.find((each) => each.state === 'pending');
    throw noMatch(
      'no-bastion',
      starting === undefined
        ? `no bastion${name === undefined ? '' : ` ${name}`} runs in this region`
        : `bastion ${starting.name} is still starting`,
      { hints: ['fargate-connect up', 'fargate-connect status'], details: { name } },
    );
  }
  const names = [...new Set(running.map((each) => each.name))];
  if (names.length > 1) {
    throw usage('bastion-ambiguous', `${names.length} bastions run: which one?`, {
      hints: names.map((each) => `--name ${each}`),
      details: { candidates: names },
    });
  }
  return bastion;
}

/**
 * Says what would otherwise be a connection that hangs: the bastion's group lets that port not out. Throws
 * `port-not-open`. A bastion that carries further groups may reach more than its tag says and is believed.
 */
export function checkPort(
  bastion: Bastion,
  remote: { readonly host: string | undefined; readonly port: number },
): void {
  const { host, port } = remote;
  if (host === undefined || bastion.ports === undefined || bastion.ports.includes(port)) return;
  const name = bastion.name === 'default' ? '' : ` --name ${bastion.name}`;
  const database = /^([a-z][a-z0-9-]*)\.(?:cluster-(?:ro-)?)?[a-z0-9]+\.[a-z0-9-]+\.rds\.amazonaws\.com/.exec(
    host,
  )?.[1];
  throw failed('port-not-open', `bastion ${bastion.name} has no way out to port ${port}`, {
    hints: [
      database === undefined
        ? `fargate-connect up${name} --egress-port ${port}   # opens it towards the VPC`
        : `fargate-connect up${name} --db ${database}   # opens the way to that database`,
    ],
    details: { name: bastion.name, host, port, open: bastion.ports.map(String) },
  });
}
