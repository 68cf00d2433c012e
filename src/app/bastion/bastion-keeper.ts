import { awsClock } from '../aws-clock.ts';
import type { ErrorDetails } from '../../core/facts/fact.ts';
import { ToolError } from '../../core/errors.ts';
import type { Bastion } from '../../provision/bastion/bastion.ts';
import { BastionWatch } from '../../provision/lease/bastion-watch.ts';
import { bastionOf } from '../../provision/bastion/inventory.ts';
import type { Ec2Port, Instance } from '../../provision/ports/ec2.ts';
import { bootDiagnosis } from '../../diagnose/bastion/boot.ts';
import { replaceBastion } from '../../provision/capacity/replacement.ts';
import { leaseEnding, noticeHidden } from './bastion-notice.ts';
import type { AwsAccount } from '../../aws/account.ts';
import { findBastion } from './bastion-target.ts';
import type { Needs } from '../collaborators.ts';

type KeeperNeeds = Needs<'account' | 'clock' | 'random' | 'report' | 'signal'>;

/** The instance that carries a forward at the moment, and signals for its end. */
export interface BastionRoute {
  readonly bastion: Bastion;
  readonly watch: Pick<BastionWatch, 'check'>;
  /** Aborted with an Error when the instance ends. */
  readonly lost: AbortSignal;
  /** Aborted when its replacement is ready, which may be before it ends. */
  readonly superseded: AbortSignal;
}

export interface KeeperOptions {
  /** Name of the bastion; undefined = the running one. */
  readonly name: string | undefined;
  /** False with `--no-replace`: the end of the bastion is reported, and nothing is launched. */
  readonly replace: boolean;
}

interface Replacement {
  /** Resolves with undefined when no replacement could be launched; the reason has been reported by then. */
  readonly done: Promise<Bastion | undefined>;
  readonly cancel: AbortController;
  state: 'launching' | 'ready' | 'none';
}

interface WatchedBastion {
  /** As it was described last: `up` may open ports of it while a forward runs. */
  bastion: Bastion;
  readonly watch: BastionWatch;
  readonly lost: AbortController;
  readonly superseded: AbortController;
  isInterrupted: boolean;
  replacement: Replacement | undefined;
}

/**
 * The bastion that carries all forwards of one run. It polls EC2 for the end of the instance, independently of the
 * connections. When EC2 announces with the two-minute notice that it interrupts a spot instance, the replacement is
 * launched at once, so that it runs when the old instance ends.
 */
export class BastionKeeper {
  readonly #options: KeeperOptions;
  readonly #deps: KeeperNeeds;
  readonly #ending = new AbortController();
  /** Watched bastions by instance id. The instance that EC2 interrupts carries connections until its end. */
  readonly #watched = new Map<string, WatchedBastion>();
  /**
   * The name of the first bastion found. After its loss no bastion of another name is used, which might be in another
   * network.
   */
  #name: string | undefined;
  #latest: WatchedBastion | undefined;
  /** Why there is no replacement. It is thrown instead of `no-bastion`, because it names the actual reason. */
  #failure: ToolError | undefined;

  constructor(options: KeeperOptions, deps: KeeperNeeds) {
    this.#options = options;
    this.#deps = deps;
    this.#name = options.name;
  }

  /**
   * The instance for a new session: the running one, or its replacement once that is ready. Throws `no-bastion`,
   * `bastion-ambiguous`, or the reason why a replacement could not be launched.
   */
  async route(): Promise<BastionRoute> {
    // A lost session often shows the loss of the bastion before the next poll does.
    await this.#latest?.watch.check();
    const latest = this.#latest;
    const replacement = latest?.replacement;
    if (latest !== undefined && replacement !== undefined) {
      if (replacement.state !== 'ready' && !latest.lost.signal.aborted) return routeOf(latest);
      const next = await replacement.done;
      if (next !== undefined) return routeOf(this.#keep(next));
    }
    const bastion = await findBastion(this.#deps, this.#name).catch((error: unknown) => {
      throw this.#failure ?? error;
    });
    this.#failure = undefined;
    return routeOf(this.#keep(bastion));
  }

  /**
   * Stops the watches, and the launch of a replacement if one is in progress; `down` removes what that launch has
   * created.
   */
  async close(): Promise<void> {
    this.#ending.abort(new Error('the forward is over'));
    const watched = [...this.#watched.values()];
    for (const { watch } of watched) watch.close();
    const replacing = watched.flatMap(({ replacement }) =>
      replacement?.state === 'launching' ? [replacement.done] : [],
    );
    if (replacing.length === 0) return;
    await Promise.all(replacing);
    this.#note('unfinished', 'the launch of a replacement had begun and has not finished', 'warning', {
      name: this.#name ?? 'default',
    });
  }

  #keep(bastion: Bastion): WatchedBastion {
    const known = this.#watched.get(bastion.instanceId);
    if (known !== undefined && !known.lost.signal.aborted) {
      known.bastion = bastion;
      return known;
    }
    this.#name ??= bastion.name;
    const { clock, random } = this.#deps;
    const { instanceId } = bastion;
    // The account may sign in anew between two polls.
    let account: AwsAccount | undefined;
    const ec2 = async (): Promise<Ec2Port> => {
      account = await this.#deps.account();
      return account.ec2();
    };
    const watch = new BastionWatch(
      bastion,
      {
        ec2: {
          instances: async (filter) => (await ec2()).instances(filter),
          spotStatus: async (ids) => (await ec2()).spotStatus(ids),
        },
        clock,
        random: () => random.number(),
        now: () => (account === undefined ? clock : awsClock(account, clock)).now(),
      },
      {
        noticed: (instance) => this.#interrupted(watched, instance),
        ended: (instance, isInterruption) => {
          if (isInterruption && instance !== undefined) this.#interrupted(watched, instance);
          else this.#ended(watched, instance);
          const how = isInterruption ? 'was interrupted by EC2' : 'has ended';
          watched.lost.abort(new Error(`bastion ${instanceId} ${how}`));
        },
        noticeHidden: (error) => this.#note('notice-hidden', noticeHidden(error), 'info'),
        leaseEnding: (_, leftMs) => this.#deps.report(leaseEnding(bastion.name, leftMs)),
      },
    );
    const watched: WatchedBastion = {
      bastion,
      watch,
      lost: new AbortController(),
      superseded: new AbortController(),
      isInterrupted: false,
      replacement: undefined,
    };
    this.#watched.set(instanceId, watched);
    this.#latest = watched;
    return watched;
  }

  /** Called at the interruption notice, or at the end of the instance if the notice was not seen. */
  #interrupted(watched: WatchedBastion, instance: Instance): void {
    if (watched.isInterrupted) return;
    watched.isInterrupted = true;
    const then = this.#options.replace ? 'a replacement is launched' : 'connections through it end with it';
    this.#note(
      'bastion-interrupted',
      `EC2 interrupts bastion ${instance.id} within two minutes: ${then}`,
      'warning',
      {
        instanceId: instance.id,
        name: watched.bastion.name,
      },
    );
    if (!this.#options.replace) return;
    const cancel = new AbortController();
    const launching = this.#replace(instance, cancel.signal);
    const replacement: Replacement = {
      done: launching.then((bastion) => {
        replacement.state = bastion === undefined ? 'none' : 'ready';
        if (bastion !== undefined)
          watched.superseded.abort(new Error(`${bastion.instanceId} takes its place`));
        return bastion;
      }),
      cancel,
      state: 'launching',
    };
    watched.replacement = replacement;
  }

  /** If `down` or the end of its lifetime ended the instance, that was intended, and no replacement is launched. */
  #ended(watched: WatchedBastion, instance: Instance | undefined): void {
    const { bastion } = watched;
    watched.replacement?.cancel.abort(new Error(`bastion ${bastion.name} was ended`));
    const why = instance?.stateReason === undefined ? '' : ` (${instance.stateReason})`;
    this.#note(
      'bastion-ended',
      `bastion ${bastion.instanceId} has ended${why}, waiting for another ${bastion.name}`,
    );
  }

  async #replace(lost: Instance, cancelled: AbortSignal): Promise<Bastion | undefined> {
    const { clock, random, report } = this.#deps;
    const signal = AbortSignal.any([this.#ending.signal, cancelled]);
    try {
      const account = await this.#deps.account();
      const [ec2, nodes] = await Promise.all([account.ec2(), account.nodes()]);
      const instance = await replaceBastion(lost, {
        ec2,
        nodes,
        diagnosis: bootDiagnosis,
        region: account.region,
        clock: awsClock(account, clock),
        report,
        signal,
        random: () => random.number(),
        uuid: () => random.uuid(),
      });
      this.#note('bastion-replaced', `bastion ${instance.id} takes the place of ${lost.id}`, 'info', {
        instanceId: instance.id,
        replaces: lost.id,
        name: this.#name,
      });
      return bastionOf(instance);
    } catch (error) {
      if (signal.aborted) return undefined;
      if (!(error instanceof ToolError)) throw error;
      this.#failure = error;
      const name = this.#name ?? '';
      this.#note(
        error.role === 'access' ? 'replacement-denied' : 'replacement-failed',
        `no replacement: ${error.message}; waiting for another bastion ${name}`,
        'warning',
        { name, code: error.code },
      );
      return undefined;
    }
  }

  #note(code: string, message: string, level: 'info' | 'warning' = 'warning', details?: ErrorDetails): void {
    this.#deps.report({
      type: 'note',
      level,
      code,
      message,
      ...(details === undefined ? {} : { details }),
    });
  }
}

const routeOf = ({ bastion, watch, lost, superseded }: WatchedBastion): BastionRoute => ({
  bastion,
  watch,
  lost: lost.signal,
  superseded: superseded.signal,
});
