import type { CloseInfo } from '../protocol/close-info.ts';
import { Connection, driverOf, type DriverOf } from '../connection/connection.ts';
import type { ConnectionIdentity } from '../connection/connection-events.ts';
import { type ListenerWatcher, listenersOf, type SafeEmitter } from '../connection/emitter.ts';
import type { ConnectionOwner, ListenerResult } from '../connection/owner.ts';
import { Observers } from '../connection/observers.ts';
import { OpenConnections } from '../connection/open-connections.ts';
import { type SharedRates, sharedRatesOf } from '../connection/shared-rates.ts';
import { Warnings } from '../connection/warnings.ts';
import { checkEventName } from '../connection/event-names.ts';
import type { ConnectionState } from '../connection/states.ts';
import type { Message } from '../protocol/payload.ts';
import { CONNECTION_OPEN } from '../engine/channels.ts';
import type { Clock } from '../engine/clock.ts';
import type { DeadlineQueue } from '../engine/deadlines.ts';
import { defaultEngine, type Engine } from '../engine/engine.ts';
import type { RandomSource } from '../engine/random.ts';
import type { Transport, TransportOwner } from '../sockets/transport.ts';
import { Admission, type Reservation } from './admission/admission.ts';
import type { Groups } from './groups/groups.ts';
import { Arrivals } from './opening/arrivals.ts';
import { Endpoints } from './opening/endpoints.ts';
import { type HandshakeOwner, type PendingSocket, retryAfter } from './opening/handshake-owner.ts';
import { AdminRecorder } from '../observe/admin/recorder.ts';
import type { AdminSnapshot, AdminView } from '../observe/admin/snapshot.ts';
import type { LoadControl } from '../observe/load-control/load-control.ts';
import { Meter } from '../observe/metrics/meter.ts';
import { ProcessSampler } from '../observe/metrics/process-sampler.ts';
import type { ServerReading } from '../observe/metrics/reading.ts';
import { ServerCounts } from '../observe/metrics/server-counts.ts';
import { renderMetrics } from '../observe/metrics/text.ts';
import type { Observer, Refusal } from '../observe/observer.ts';
import {
  type HandshakeTrace,
  type HandshakeTracer,
  type MessageTracer,
  statusOfAcceptance,
} from '../observe/tracing/traces.ts';
import { EntryPolicies } from './admission/entry-policies.ts';
import { HandshakePlaces } from './admission/handshake-places.ts';
import type { UpgradeRequest } from '../options/hooks.ts';
import { LoadGuard } from './load-guard.ts';
import { ServerLog } from './log.ts';
import { loadControlOf } from './server-load.ts';
import type { ResolvedServerOptions, ServerOptions } from '../options/resolve-server-options.ts';
import type { OptionChange, RunTimeOptions } from '../options/run-time-options.ts';
import type { LiveSettings, Quality } from '../options/live-settings.ts';
import { Registry } from './groups/registry.ts';
import { ServerReports } from './server-reports.ts';
import { SERVER_EVENTS, type ServerEvents } from './server-events.ts';
import { type Readiness, readinessOf } from './readiness.ts';
import type { ShutdownOwner, ShutdownProgress } from './shutdown.ts';
import { Configuration } from './configuration.ts';
import { Counters } from './counters.ts';
import { SelfCheck, type SelfCheckOwner } from './self-check.ts';
import { ServerTopics, type TopicsOwner } from './server-topics.ts';
import type { ServerStats } from './stats.ts';
import type { LoadTopics } from './topic-loader.ts';
import { countViolation } from './violations.ts';

/**
 * What a server knows: connections, topics, counts, who may come in. What it is to an application is `WebSocketServer`.
 * @internal
 */
export class ServerCore<UserData>
  implements
    ConnectionOwner<DriverOf<UserData>, Connection<UserData>>,
    HandshakeOwner<UserData>,
    ListenerWatcher,
    SelfCheckOwner<UserData>,
    ShutdownOwner,
    TopicsOwner<UserData>
{
  /** What the application holds. Set by its constructor. */
  emitter!: SafeEmitter<ServerEvents<UserData>>;
  readonly #configuration: Configuration<UserData>;
  readonly live: LiveSettings<UserData>;
  /** The settings in force. The same object as long as the server lives; `live` changes it in place. */
  readonly options: ResolvedServerOptions<UserData>;
  readonly counters: Counters;
  readonly counts: ServerCounts;
  sharedRates: SharedRates | undefined;
  readonly meter: Meter | undefined;
  readonly observers: Observers;
  readonly deadlines: DeadlineQueue;
  readonly admission: Admission;
  policies: EntryPolicies;
  readonly places: HandshakePlaces;
  readonly guard: LoadGuard<UserData>;
  readonly endpoints: Endpoints | undefined;
  /** `undefined` without the option `loadControl`. */
  readonly load: LoadControl | undefined;
  /** What the admin port shows of the past; `undefined` without the option `admin`, and before the first snapshot. */
  recorder: AdminRecorder | undefined;
  readonly registry = new Registry<DriverOf<UserData>>();
  readonly topics: ServerTopics<UserData>;
  readonly groups: Groups<UserData>;
  readonly pendingSockets = new Set<PendingSocket>();
  readonly warnings: Warnings;
  readonly engine: Engine;
  readonly reports = new ServerReports<UserData>(this);
  readonly arrivals = new Arrivals<UserData>(this);
  readonly selfCheck = new SelfCheck<UserData>(this);
  messageListeners: readonly ((
    connection: Connection<UserData>,
    message: Message,
    isText: boolean,
  ) => ListenerResult)[] = [];
  shuttingDown = false;
  /** Whether clients can reach the server: it listens, is attached, or has handled an upgrade. Set by its constructor. */
  isReachable: () => boolean = () => false;
  /** `shutdown` was called. */
  isLeaving = false;
  handshakeTracer: HandshakeTracer | undefined;
  messageTracer: MessageTracer | undefined;
  ownAuthority = 'localhost';
  onReleased: (() => void) | undefined;
  /** Closes the listening sockets. */
  onStopListening: () => void = () => {};
  /** Takes snapshots, for an engine that runs whole workers. Set by the server, as {@link shutdown} is. */
  snapshots: (views: readonly AdminView[]) => Promise<readonly AdminSnapshot[]> = () => Promise.resolve([]);
  /** Shuts the server down, for an engine that runs whole workers. */
  shutdown: (timeoutMs: number) => Promise<unknown> = () => Promise.resolve();

  /** Out of the registry, with messages that the application has not taken yet: their close event is still to come. */
  readonly #leaving = new Set<DriverOf<UserData>>();

  /**
   * @param observers Observers besides the counters and the log.
   * @param load Loads what topics with history, members or an engine need. Default: that of cluster/.
   */
  constructor(
    options: ServerOptions<UserData> | undefined,
    engine = defaultEngine,
    observers: readonly Observer[] = [],
    load?: LoadTopics<UserData>,
  ) {
    this.engine = engine;
    this.#configuration = new Configuration(options === undefined ? {} : options, engine);
    this.live = this.#configuration.live;
    this.options = this.live.inForce;
    if (this.options.retainFreedMemory) engine.retainFreedMemory();
    this.deadlines = engine.deadlinesOf(this.options.clock);
    const { logger, metrics } = this.options;
    this.meter = metrics === false ? undefined : new Meter(this.clock, this.random, metrics.handlerTimeOneIn);
    const log = logger === undefined ? [] : [new ServerLog(logger, this.clock)];
    this.counts = new ServerCounts(this.clock);
    this.counters = new Counters(this.deadlines.clock.now(), this.counts);
    this.observers = new Observers([this.counters, this.counts, ...log, ...observers]);
    if (this.options.admin !== false) this.record();
    this.sharedRates = sharedRatesOf(this.options.rateLimit);
    this.warnings = new Warnings(logger);
    this.admission = new Admission(this.options);
    this.guard = new LoadGuard(this);
    this.policies = new EntryPolicies(this.options);
    this.places = new HandshakePlaces(this.options, (address) => this.policies.isProxy(address));
    this.topics = new ServerTopics(this, load);
    this.groups = this.topics.groups;
    this.endpoints = Endpoints.of(this);
    this.load = loadControlOf(this);
  }

  /** The recorder, which records from now on. */
  record(): AdminRecorder {
    if (this.recorder === undefined) {
      this.recorder = new AdminRecorder(this.clock);
      this.observers.add(this.recorder);
    }
    return this.recorder;
  }

  get settings(): ResolvedServerOptions<UserData> {
    return this.options;
  }

  get pace(): LoadControl['pace'] {
    return this.load?.pace;
  }

  get clock(): Clock {
    return this.options.clock;
  }

  get random(): RandomSource {
    return this.options.random;
  }

  /** Gives all connections more or less of the configured service, and new ones compression or not. */
  setQuality(quality: Quality): void {
    this.#configuration.setQuality(this, quality);
  }

  /** Changes options, all or none. @throws MisuseError `ERR_OPTION`. */
  configure(options: RunTimeOptions): readonly OptionChange[] {
    return this.#configuration.configure(this, options);
  }

  listenersChanged(name: string | symbol | undefined): void {
    if (name !== undefined && name !== 'message') {
      checkEventName(name, SERVER_EVENTS, this.warnings);
      return;
    }
    this.messageListeners = listenersOf(this.emitter, 'message').map(
      (listener) => listener.bind(this.emitter) as (typeof this.messageListeners)[number],
    );
    for (const driver of this.registry) driver.sharedListenersChanged();
  }

  // `HandshakeOwner`.

  upgradeHookEnded(durationMs: number): void {
    this.observers.tell('upgradeHookEnded', durationMs);
  }

  upgradeLost(remoteAddress: string, url: string): void {
    this.observers.tell('upgradeLost', remoteAddress, url);
  }

  /** What the handshake has to wait for; see `HandshakeOwner`. */
  opening(): Promise<void> | undefined {
    return this.topics.opening();
  }

  refused(refusal: Refusal): void {
    this.reports.refused(refusal);
  }

  admitted(
    identity: Omit<ConnectionIdentity<UserData>, 'id'>,
    request: UpgradeRequest,
    reservation: Reservation,
    open: (owner: TransportOwner) => Transport,
    handshakeMs: number,
    trace: HandshakeTrace | undefined,
  ): DriverOf<UserData> {
    // Written out: what is spread has a hidden class of its own each time, and V8 looks each field up anew.
    const { protocol, extensions, deflate, data, expiresAt, priority } = identity;
    const connection = new Connection<UserData>(
      this,
      { id: this.random.uuid(), protocol, extensions, deflate, data, expiresAt, priority },
      'server',
      open,
    );
    const driver = driverOf(connection);
    if (this.registry.size === 0) {
      this.engine.part(OpenConnections).addRegistry(this.registry);
      if (this.options.debugChecks) this.selfCheck.schedule();
    }
    this.registry.add(driver);
    driver.place = reservation;
    // Its address does not count yet, if `maxConnectionsPerIp` was switched on during the handshake.
    this.admission.count(reservation, driver.remoteAddress);
    this.observers.tell('opened', driver, handshakeMs, statusOfAcceptance(request));
    trace?.accepted(driver);
    this.topics.openSession(driver);
    if (CONNECTION_OPEN.hasSubscribers) CONNECTION_OPEN.publish({ connection });
    this.reports.emit('connection', connection, request);
    return driver;
  }

  socketReleased(socket: PendingSocket): void {
    this.pendingSockets.delete(socket);
    this.onReleased?.();
  }

  // What connections report.

  stateChanged(driver: DriverOf<UserData>, next: ConnectionState): void {
    if (next === 'closing' && this.admission.countsViolations) countViolation(this, driver);
    if (next !== 'closed') return;
    this.#leaving.add(driver);
    this.forget(driver);
  }

  /** Removes a closed connection from topics, registry and limits. */
  forget(driver: DriverOf<UserData>): void {
    const { place } = driver;
    driver.place = undefined;
    this.groups.unsubscribeAll(driver);
    driver.attempt(() => this.registry.remove(driver));
    if (this.registry.size === 0) {
      this.engine.part(OpenConnections).removeRegistry(this.registry);
      this.selfCheck.cancel();
    }
    if (place !== undefined) driver.attempt(() => this.admission.release(place as Reservation));
  }

  closed(driver: DriverOf<UserData>, info: CloseInfo): void {
    this.#leaving.delete(driver);
    driver.attempt(() => this.reports.emit('close', driver.connection, info));
    this.onReleased?.();
  }

  priorityChanged({ place, priority }: DriverOf<UserData>): void {
    if (place !== undefined) this.admission.prioritize(place as Reservation, priority);
  }

  drained(driver: DriverOf<UserData>): void {
    this.groups.drained(driver);
    this.reports.emit('drain', driver.connection);
  }

  memoryShed(): void {
    this.reports.memoryShed();
  }

  handlerFailed(error: unknown, driver: DriverOf<UserData> | undefined, where: string): void {
    this.reports.handlerFailed(error, driver, where);
  }

  hookFailed(name: 'request' | 'requestHead', error: unknown): void {
    this.reports.handlerFailed(error, undefined, `the ${name} hook`);
  }

  subscribed(driver: DriverOf<UserData>, topic: string): void {
    this.reports.emit('subscribe', driver.connection, topic);
  }

  unsubscribed(driver: DriverOf<UserData>, topic: string): void {
    this.reports.emit('unsubscribe', driver.connection, topic);
  }

  /** Whether new clients can connect, and why not. */
  readiness(): Readiness {
    return readinessOf(this);
  }

  /** The metrics of the server and of the process. */
  metrics(): string {
    return renderMetrics([this.readMetrics()], this.engine.part(ProcessSampler).read());
  }

  retryAfter(): number {
    return retryAfter(this.options);
  }

  // Going down.

  connections(): Iterable<DriverOf<UserData>> {
    return this.registry;
  }

  /** Also closed connections whose last messages are not delivered. */
  *everyConnection(): IterableIterator<DriverOf<UserData>> {
    yield* this.registry;
    yield* this.#leaving;
  }

  get connectionCount(): number {
    return this.registry.size;
  }

  isEmpty(): boolean {
    return this.registry.size === 0 && this.#leaving.size === 0 && this.pendingSockets.size === 0;
  }

  stopListening(): void {
    this.shuttingDown = true;
    this.onStopListening();
    for (const socket of this.pendingSockets) socket.shutDown();
  }

  retire(): Promise<void> | undefined {
    return this.topics.retire();
  }

  shutdownProgress(progress: ShutdownProgress): void {
    this.reports.emit('shutdownProgress', progress);
  }

  abandon(): void {
    for (const driver of this.#leaving) driver.timedOut();
    for (const socket of this.pendingSockets) socket.destroy();
  }

  stats(transport: ServerStats['transport']): ServerStats {
    return this.counters.snapshot({
      nowMs: this.clock.now(),
      transport,
      pendingHandshakes: this.places.pending,
      refusedAddresses: this.admission.refusedAddresses,
      connections: this.registry.size,
      topics: this.groups.topics.size,
      subscriptions: this.groups.topics.subscriptions,
      meter: this.meter?.read(),
      load: this.load?.read(),
    });
  }

  readMetrics(): ServerReading {
    const { name, maxConnections, memoryBudget } = this.options;
    return {
      name,
      maxConnections,
      memoryBudgetBytes: memoryBudget.maxBytes,
      // No metric shows the transport.
      stats: this.stats('stream'),
      counts: this.counts.read(),
      compression: this.counters.compression,
      meter: this.meter?.read(),
    };
  }
}
