import type { SandboxService } from '../contracts.ts';
import type { ServiceContext, ServiceDescription } from './service-description.ts';

/** A service of one region, and its snapshot at the time of its creation. */
interface Entry {
  readonly region: string;
  readonly service: SandboxService;
  readonly untouched: string;
}

export interface RegistryOptions {
  readonly services: readonly ServiceDescription[];
  readonly homeRegion: string;
  contextOf(description: ServiceDescription, region: string): ServiceContext;
}

/** The services of an account; each is created when it is first requested. */
export class ServiceRegistry {
  readonly #options: RegistryOptions;
  readonly #entries = new Map<ServiceDescription, Map<string, Entry>>();

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  get<Service extends SandboxService>(description: ServiceDescription<Service>, region: string): Service {
    const home = description.isGlobal === true ? this.#options.homeRegion : region;
    const entries = this.#entries.get(description) ?? new Map<string, Entry>();
    this.#entries.set(description, entries);
    const known = entries.get(home);
    // The entry was created from this same description, so the type is right.
    if (known !== undefined) return known.service as Service;
    const service = description.create(this.#options.contextOf(description, home));
    entries.set(home, { region: home, service, untouched: JSON.stringify(service.snapshot()) });
    return service;
  }

  /** The service in every region that was requested. */
  all<Service extends SandboxService>(description: ServiceDescription<Service>): readonly Service[] {
    return this.#of(description).map(({ service }) => service as Service);
  }

  /**
   * Snapshots by service, and for regional services by region. A region without changes is left out, so a read-only
   * call there does not change the snapshot.
   */
  snapshot(): unknown {
    const { services, homeRegion } = this.#options;
    return Object.fromEntries(
      services.map((description) => {
        const snapshots = this.#of(description)
          .map(({ region, service, untouched }) => ({ region, untouched, snapshot: service.snapshot() }))
          .filter((item) => item.region === homeRegion || JSON.stringify(item.snapshot) !== item.untouched)
          .sort((a, b) => (a.region < b.region ? -1 : 1));
        return [
          description.name,
          description.isGlobal === true
            ? snapshots[0]?.snapshot
            : Object.fromEntries(snapshots.map(({ region, snapshot }) => [region, snapshot])),
        ];
      }),
    );
  }

  async close(): Promise<void> {
    const entries = this.#options.services.flatMap((description) => this.#of(description));
    await Promise.all(entries.flatMap(({ service }) => service.close?.() ?? []));
  }

  #of(description: ServiceDescription): readonly Entry[] {
    return [...(this.#entries.get(description)?.values() ?? [])];
  }
}
