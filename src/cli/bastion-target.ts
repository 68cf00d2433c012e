import { noMatch, usage } from '../core/errors.ts';
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
