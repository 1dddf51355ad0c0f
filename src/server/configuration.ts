import type { DriverOf } from '../connection/connection.ts';
import type { Observers } from '../connection/observers.ts';
import { type SharedRates, sharedRatesOf } from '../connection/shared-rates.ts';
import type { Engine } from '../engine/engine.ts';
import type { LoadControl } from '../observe/load-control/load-control.ts';
import { inSlices, paceOf } from '../observe/admin/slices.ts';
import { reconfigured } from '../options/configure.ts';
import { LiveSettings, type Quality } from '../options/live-settings.ts';
import {
  completeServerOptions,
  type GivenOptions,
  givenServerOptions,
} from '../options/resolve-server-options.ts';
import { refuseOption } from '../options/option-check.ts';
import type { ResolvedServerOptions } from '../options/server-options.ts';
import type { OptionChange, RunTimeOptionName, RunTimeOptions } from '../options/run-time-options.ts';
import type { Admission, Reservation } from './admission/admission.ts';
import { EntryPolicies } from './admission/entry-policies.ts';
import type { HandshakePlaces } from './admission/handshake-places.ts';
import type { Registry } from './groups/registry.ts';
import { needsTopics } from './topic-loader.ts';

/** Options from which an open connection has computed something: deadlines, the heartbeat, a rate limit, the count of its address. */
const COMPUTED: ReadonlySet<RunTimeOptionName> = new Set<RunTimeOptionName>([
  'heartbeat',
  'pingIntervalMs',
  'pongTimeoutMs',
  'idleTimeoutMs',
  'rateLimit',
  'maxConnectionsPerIp',
  'exemptAddresses',
]);

/** The parts of a server that keep something computed from its settings. */
export interface ConfiguredServer<UserData> {
  readonly engine: Engine;
  readonly observers: Observers;
  readonly admission: Admission;
  readonly places: HandshakePlaces;
  readonly registry: Registry<DriverOf<UserData>>;
  policies: EntryPolicies;
  sharedRates: SharedRates | undefined;
  readonly load: LoadControl | undefined;
}

/** Changes the settings of one server while it runs. */
export class Configuration<UserData> {
  readonly live: LiveSettings<UserData>;
  #given: GivenOptions;
  readonly #firstMaxMessageBytes: number;

  /** @throws MisuseError `ERR_OPTION`. */
  constructor(options: unknown, engine: Engine) {
    this.#given = givenServerOptions(options);
    this.live = new LiveSettings(completeServerOptions<UserData>(this.#given, engine));
    this.#firstMaxMessageBytes = this.live.configured.maxMessageBytes;
  }

  /** Changes options, all or none. @returns What has changed. @throws MisuseError `ERR_OPTION`. */
  configure(server: ConfiguredServer<UserData>, options: RunTimeOptions): readonly OptionChange[] {
    const before = { given: this.#given, complete: this.live.configured };
    const { given, complete, changes } = reconfigured(before, options, server.engine);
    this.#refuseLargerTopics(complete);
    const policies = new EntryPolicies(complete);
    // Nothing from here on can fail.
    this.#given = given;
    if (changes.length === 0) return changes;
    this.live.configure(complete);
    server.policies = policies;
    if (complete.rateLimit !== before.complete.rateLimit)
      server.sharedRates = sharedRatesOf(complete.rateLimit);
    if (complete.loadControl !== false) server.load?.configure(complete.loadControl);
    server.admission.settingsChanged();
    server.places.settingsChanged();
    if (changes.some(({ name }) => COMPUTED.has(name))) this.#connectionsFollow(server);
    server.observers.tell(
      'configured',
      changes.map(({ name }) => name),
    );
    return changes;
  }

  /** Histories and engines were made for entries of the first size. */
  #refuseLargerTopics(complete: ResolvedServerOptions<UserData>): void {
    const { maxMessageBytes } = complete;
    if (needsTopics(complete) && maxMessageBytes > this.#firstMaxMessageBytes)
      refuseOption(
        'maxMessageBytes',
        maxMessageBytes,
        `at most ${this.#firstMaxMessageBytes}, its first value, on a server with history, presence, cluster or hawser.v1`,
      );
  }

  /** Gives all connections more or less of the configured service, and new ones compression or not. */
  setQuality(server: ConfiguredServer<UserData>, quality: Quality): void {
    const { intervalFactor } = this.live.quality;
    this.live.setQuality(quality);
    // Later deadlines need no visit: they are found to be early when they are due.
    if (quality.intervalFactor < intervalFactor) this.#connectionsFollow(server);
  }

  /** Visits every connection: deadlines that have come nearer, heartbeat, rate limit and counts of addresses follow. */
  #connectionsFollow({ registry, admission }: ConfiguredServer<UserData>): void {
    const visit = (driver: DriverOf<UserData>): void => {
      driver.attempt(() => driver.link.settingsChanged());
      if (driver.place !== undefined) admission.count(driver.place as Reservation, driver.remoteAddress);
    };
    void inSlices(registry, registry.size, visit, paceOf(this.live.inForce.clock), () => true);
  }
}
