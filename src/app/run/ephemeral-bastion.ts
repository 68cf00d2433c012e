import type { ForwardSpec } from '../../connect/forward/forward-spec.ts';
import { usage } from '../../core/errors.ts';
import type { Report } from '../../core/events.ts';
import { EPHEMERAL_LEASE_MS, ephemeralName } from '../../provision/bastion/ephemeral.ts';
import { findBastions, readInventory, isEmpty } from '../../provision/bastion/inventory.ts';
import { TAG } from '../../provision/bastion/names.ts';
import { tearDown } from '../../provision/teardown/teardown.ts';
import { awsClock } from '../aws-clock.ts';
import { bringUp, planBastion, type BringUpNeeds } from '../bastion/bring-up.ts';
import type { GatherNeeds } from '../bastion/bastion-spec.ts';
import { iamNaming } from '../bastion/iam-naming.ts';
import type { Prompter } from '../../ui/prompter.ts';
import { sweepEphemeral } from '../bastion/sweep.ts';
import { parseUpRequest } from '../bastion/up-request.ts';

/** The bastion of `run --ephemeral`: created for one command, kept while it lives, and deleted after it. */

export interface EphemeralRequest {
  /** True = a running bastion is used if there is one, and stays. */
  readonly reuse: boolean;
  /** Admits the bastion in the security groups of the databases while the command runs. */
  readonly allowDatabases: boolean;
  readonly clientSecurityGroups: readonly string[];
  readonly vpc: string | undefined;
  /** Instance profile of an administrator, so that nothing is written to IAM. */
  readonly role: string | undefined;
}

export type EphemeralNeeds = GatherNeeds & BringUpNeeds;

export interface EphemeralBastion {
  readonly name: string;
  /** Deletes it, unless it was there before. Never rejects: what is left is told, and its lease ends the instance. */
  close(): Promise<void>;
}

/** The end of the lease is moved this often. */
const EXTEND_MS = EPHEMERAL_LEASE_MS / 3;
/** After a failed call the lease is still long enough for some more. */
const EXTEND_RETRY_MS = 60_000;
const IDLE_MINUTES = EPHEMERAL_LEASE_MS / 60_000;

/**
 * Creates the bastion, or takes the running one. Throws what `planBastion` and `bringUp` throw, after what exists by then
 * was deleted; `bad-arguments` (usage) for a port of a task.
 */
export async function openEphemeral(
  request: EphemeralRequest,
  specs: readonly ForwardSpec[],
  databases: readonly string[],
  deps: EphemeralNeeds,
): Promise<EphemeralBastion> {
  const ofTask = specs.find(({ remoteHost, database }) => remoteHost === undefined && database === undefined);
  if (ofTask !== undefined)
    throw usage(
      'bad-arguments',
      `port ${ofTask.remotePort} of a task is reached through the task, and an ephemeral bastion leads to hosts`,
    );
  const account = await deps.account();
  const ec2 = await account.ec2();
  if (request.reuse) {
    const running = (await findBastions(ec2, {})).find(({ state }) => state === 'running');
    if (running !== undefined) {
      deps.report({
        type: 'note',
        level: 'info',
        code: 'bastion-reused',
        message: `using bastion ${running.name}, which runs already and stays`,
        details: { name: running.name },
      });
      return { name: running.name, close: () => Promise.resolve() };
    }
  }
  const clock = awsClock(account, deps.clock);
  const name = ephemeralName(clock.now(), deps.random.bytes(3));
  const ids = [...databases, ...specs.flatMap(({ database }) => (database === undefined ? [] : [database]))];
  const ports = specs.flatMap(({ remoteHost, remotePort }) => (remoteHost === undefined ? [] : [remotePort]));
  const up = parseUpRequest(
    {
      name,
      ttl: `${EPHEMERAL_LEASE_MS / 60_000}m`,
      idle: `${IDLE_MINUTES}m`,
      wait: true,
      tunnelOnly: true,
      ...(request.allowDatabases ? { allowDb: ids } : { db: ids }),
      egressPort: [...new Set(ports)].map(String),
      clientSecurityGroup: request.clientSecurityGroups,
      ...(request.vpc === undefined ? {} : { vpc: request.vpc }),
      ...(request.role === undefined ? {} : { role: request.role }),
    },
    {},
  );
  // The flag is the agreement to one spot instance and its end, and to nothing dearer.
  const agreeing: EphemeralNeeds = {
    ...deps,
    prompter: agreeingPrompter(deps.prompter),
    settings: { ...deps.settings, input: false },
  };
  const sweeping = sweepEphemeral({}, deps);
  const closer = new Closer(name, deps);
  try {
    const planned = await planBastion(up, agreeing);
    await bringUp(planned, up, agreeing);
  } catch (error) {
    await sweeping;
    await closer.close();
    throw error;
  }
  closer.extend();
  await sweeping;
  return { name, close: () => closer.close() };
}

const agreeingPrompter = (prompter: Prompter): Prompter => ({
  select: (question) => prompter.select(question),
  browser: () => prompter.browser(),
  text: (question) => prompter.text(question),
  confirm: () => Promise.resolve(true),
});

class Closer {
  readonly #name: string;
  readonly #deps: EphemeralNeeds;
  #cancel: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(name: string, deps: EphemeralNeeds) {
    this.#name = name;
    this.#deps = deps;
  }

  /** Moves the end of the lease again and again, also that of an instance that replaces the first one. */
  extend(inMs = EXTEND_MS): void {
    if (this.#closing !== undefined) return;
    this.#cancel = this.#deps.clock.timer(inMs, () => {
      this.#extendNow().then(
        () => this.extend(),
        () => this.extend(EXTEND_RETRY_MS),
      );
    });
  }

  async #extendNow(): Promise<void> {
    const account = await this.#deps.account();
    const ec2 = await account.ec2();
    const ids = (await findBastions(ec2, { name: this.#name })).map(({ instanceId }) => instanceId);
    if (ids.length === 0 || this.#closing !== undefined) return;
    const expiresAt = awsClock(account, this.#deps.clock).now() + EPHEMERAL_LEASE_MS;
    await ec2.setTags(ids, { [TAG.expiresAt]: new Date(expiresAt).toISOString() });
  }

  close(): Promise<void> {
    this.#cancel?.();
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { report } = this.#deps;
    const step = { step: 'ephemeral-down', title: `delete bastion ${this.#name}` };
    try {
      if (await this.#isGone()) return;
      report({ type: 'step-started', ...step });
      await this.#delete();
      report({ type: 'step-done', ...step });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      report({ type: 'step-failed', ...step, detail: reason });
      report({
        type: 'note',
        level: 'warning',
        code: 'ephemeral-left',
        message: `bastion ${this.#name} is not deleted completely: its lease ends the instance within ${IDLE_MINUTES} minutes, and the next command that creates or deletes a bastion deletes the rest`,
        details: { name: this.#name },
      });
    }
  }

  async #scope() {
    const account = await this.#deps.account();
    const [ec2, iam, identity] = await Promise.all([account.ec2(), account.iam(), account.identity()]);
    const { accountId, partition } = await identity.caller();
    const naming = iamNaming({}, this.#deps.settings);
    return {
      ec2,
      iam,
      scope: { name: this.#name, region: account.region, accountId, partition, iam: naming },
    };
  }

  async #isGone(): Promise<boolean> {
    const { ec2, iam, scope } = await this.#scope();
    return isEmpty(await readInventory({ ec2, iam }, scope));
  }

  async #delete(): Promise<void> {
    const { clock, random } = this.#deps;
    const { ec2, iam, scope } = await this.#scope();
    await tearDown(await readInventory({ ec2, iam }, scope), scope, {
      ec2,
      iam,
      clock,
      random: () => random.number(),
      // The steps of the deletion are one step of this command.
      report: silent,
      // A command that was interrupted deletes its bastion, too.
      signal: new AbortController().signal,
    });
  }
}

const silent: Report = () => undefined;
