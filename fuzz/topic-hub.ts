import type {
  Batch,
  Channel,
  Engine,
  EngineHost,
  HistoryLimits,
  HistoryRead,
  MembersRead,
  NodeEntry,
  Published,
} from '../src/cluster/engine.ts';
import { memberChange } from '../src/cluster/envelope.ts';
import { EngineError } from '../src/protocol/errors.ts';
import type { VirtualClock } from '../src/testing/index.ts';
import type { Prng } from './prng.ts';

interface Stored {
  epoch: string;
  top: number;
  entries: Uint8Array[];
  readonly last: Map<string, { readonly seq: number; readonly first: number }>;
}

/** Faults of a hub. */
export interface HubFaults {
  /** Probability that an arrival is lost silently. */
  drop: number;
  /** Longest delay of a call or an arrival, in ms. */
  delayMs: number;
  /** Calls are not answered. */
  stalled: boolean;
}

/** A broker in memory for several nodes, on a virtual clock, with faults. Written apart from the in-process engine. */
export class TopicHub {
  readonly clock: VirtualClock;
  readonly random: Prng;
  readonly faults: HubFaults = { drop: 0, delayMs: 5, stalled: false };
  readonly engines: HubEngine[] = [];
  readonly stored = new Map<string, Stored>();
  readonly members = new Map<string, Map<string, Uint8Array>>();
  /** When the entry of a node expires. */
  readonly nodes = new Map<string, { readonly info: Uint8Array; readonly untilMs: number }>();
  /** Every entry that was ever stored, by topic, epoch and offset. */
  readonly truth = new Map<string, Uint8Array>();
  restarts = 0;
  reads = 0;
  #changes = 0;

  constructor(clock: VirtualClock, random: Prng) {
    this.clock = clock;
    this.random = random;
  }

  engine(): HubEngine {
    const engine = new HubEngine(this);
    this.engines.push(engine);
    return engine;
  }

  /** Ends every connection and the memory of the broker. @param keeps Messages stay, under a new epoch, but for the newest. */
  restart(keeps: boolean): void {
    this.restarts++;
    for (const engine of this.engines) engine.cut();
    for (const [topic, stored] of this.stored) {
      if (!keeps) this.stored.delete(topic);
      else {
        const lost = Math.min(stored.entries.length, this.random.int(4));
        stored.entries.splice(stored.entries.length - lost);
        stored.top -= lost;
        stored.epoch = `again${this.restarts}`;
        stored.last.clear();
        this.#record(topic, stored, stored.top - stored.entries.length + 1);
      }
    }
  }

  append(batch: Batch, limits: HistoryLimits): Published {
    const stored = this.open(batch.topic, limits);
    const last = stored.last.get(batch.node);
    // A first call that was slow may come after the second one.
    if (last !== undefined && last.seq >= batch.seq)
      return { epoch: stored.epoch, first: last.first, again: true };
    const first = stored.top + 1;
    stored.entries.push(...batch.entries.map((entry) => Uint8Array.from(entry)));
    stored.top += batch.entries.length;
    stored.last.set(batch.node, { seq: batch.seq, first });
    this.#record(batch.topic, stored, first);
    stored.entries.splice(0, stored.entries.length - limits.maxMessages);
    return { epoch: stored.epoch, first, again: false };
  }

  open(topic: string, limits: HistoryLimits): Stored {
    let stored = this.stored.get(topic);
    if (stored === undefined) {
      stored = { epoch: limits.candidateEpoch, top: 0, entries: [], last: new Map() };
      this.stored.set(topic, stored);
    }
    return stored;
  }

  /** Delivers to every node that is interested. */
  fanOut(
    channel: Channel,
    header: Parameters<EngineHost['deliver']>[1],
    entries: readonly Uint8Array[],
  ): void {
    for (const engine of this.engines)
      engine.arrive(`${channel.kind} ${channel.topic}`, (host) => host.deliver(channel, header, entries));
  }

  changed(topic: string, node: string, entries: readonly Uint8Array[]): void {
    if (entries.length > 0)
      this.fanOut({ kind: 'members', topic }, { node, seq: ++this.#changes, first: 0 }, entries);
  }

  #record(topic: string, { epoch, top, entries }: Stored, from: number): void {
    for (let offset = from; offset <= top; offset++)
      this.truth.set(`${topic} ${epoch} ${offset}`, entries[entries.length - 1 - (top - offset)]!);
  }
}

/** One connection to a hub. Calls and arrivals keep their order; a cut rejects what is in flight. */
export class HubEngine implements Engine {
  readonly name = 'hub';
  readonly capabilities = Object.freeze({ history: true, presence: true });
  readonly #hub: TopicHub;
  #host: EngineHost | undefined;
  #session = 0;
  readonly #wanted = new Set<string>();
  readonly #pending = new Set<(error: Error) => void>();
  #callMs = 0;
  #calls = 0;
  #carriedOut = 0;
  #arrivalMs = 0;
  isConnected = false;
  reconnects = 0;

  constructor(hub: TopicHub) {
    this.#hub = hub;
  }

  start(host: EngineHost): Promise<void> {
    this.#host = host;
    this.connect();
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#host = undefined;
    this.cut();
    return Promise.resolve();
  }

  connect(): void {
    if (this.isConnected || this.#host === undefined) return;
    this.isConnected = true;
    this.#host.connected();
  }

  /** The connection breaks: calls in flight may have had their effect, and interest ends. */
  cut(): void {
    if (!this.isConnected) return;
    this.isConnected = false;
    this.#session++;
    this.#wanted.clear();
    const error = new EngineError('ERR_ENGINE_DOWN', 'cut');
    for (const reject of this.#pending) reject(error);
    this.#pending.clear();
    this.#host?.disconnected(error);
  }

  publish(batch: Batch): Promise<Published | undefined> {
    const { topic, node, seq, history, entries } = batch;
    return this.#call(() => {
      const published = history === undefined ? undefined : this.#hub.append(batch, history);
      if (published?.again !== true) {
        const header = { node, seq, epoch: published?.epoch, first: published?.first ?? 0 };
        this.#hub.fanOut({ kind: 'messages', topic }, header, entries);
      }
      return published;
    });
  }

  interest(add: readonly Channel[], remove: readonly Channel[]): Promise<void> {
    const session = this.#session;
    return this.#call(() => {
      // Interest is that of one connection.
      if (session !== this.#session) return;
      for (const { kind, topic } of remove) this.#wanted.delete(`${kind} ${topic}`);
      for (const { kind, topic } of add) this.#wanted.add(`${kind} ${topic}`);
    });
  }

  read(
    topic: string,
    since: { epoch: string; offset: number } | undefined,
    limits: HistoryLimits,
  ): Promise<HistoryRead> {
    return this.#call(() => {
      this.#hub.reads++;
      const { epoch, top, entries } = this.#hub.open(topic, limits);
      const oldest = top - entries.length + 1;
      const first = since?.epoch === epoch ? Math.min(Math.max(since.offset + 1, oldest), top + 1) : oldest;
      return { epoch, top, first, entries: entries.slice(first - oldest) };
    });
  }

  positions(topics: readonly string[]): Promise<readonly ({ epoch: string; offset: number } | undefined)[]> {
    return this.#call(() =>
      topics.map((topic) => {
        const stored = this.#hub.stored.get(topic);
        return stored === undefined ? undefined : { epoch: stored.epoch, offset: stored.top };
      }),
    );
  }

  enter(topic: string, members: ReadonlyMap<string, Uint8Array>): Promise<void> {
    return this.#call(() => {
      const all = this.#hub.members.get(topic) ?? new Map<string, Uint8Array>();
      this.#hub.members.set(topic, all);
      for (const [field, value] of members) all.set(field, value);
      this.#hub.changed(
        topic,
        this.#host!.nodeId,
        [...members].map(([field, value]) => memberChange(field, value)),
      );
    });
  }

  leave(topic: string, fields: readonly string[]): Promise<void> {
    return this.#call(() => {
      const gone = fields.filter((field) => this.#hub.members.get(topic)?.delete(field) === true);
      this.#hub.changed(
        topic,
        this.#host!.nodeId,
        gone.map((field) => memberChange(field, undefined)),
      );
    });
  }

  members(topic: string, max: number): Promise<MembersRead> {
    return this.#call(() => {
      const all = this.#hub.members.get(topic) ?? new Map<string, Uint8Array>();
      return all.size > max ? { count: all.size } : { count: all.size, entries: new Map(all) };
    });
  }

  beat(info: Uint8Array, ttlMs: number): Promise<readonly NodeEntry[]> {
    return this.#call(() => {
      const nowMs = this.#hub.clock.now();
      this.#hub.nodes.set(this.#host!.nodeId, { info, untilMs: nowMs + ttlMs });
      return [...this.#hub.nodes]
        .filter(([, { untilMs }]) => untilMs > nowMs)
        .map(([node, entry]) => ({ node, info: entry.info }));
    });
  }

  tell(to: { readonly node: string } | 'all', bytes: Uint8Array): Promise<void> {
    return this.#call(() => {
      for (const engine of this.#hub.engines)
        engine.arrive(undefined, (host) => {
          if (to === 'all' || host.nodeId === to.node) host.control(bytes);
        });
    });
  }

  reconnect(): void {
    this.reconnects++;
    this.cut();
    this.connect();
  }

  /** @param wanted The channel; `undefined` for what every node gets. */
  arrive(wanted: string | undefined, deliver: (host: EngineHost) => void): void {
    const { clock, random, faults } = this.#hub;
    if (!this.isConnected || (wanted !== undefined && !this.#wanted.has(wanted)) || random.bool(faults.drop))
      return;
    const session = this.#session;
    this.#arrivalMs = Math.max(this.#arrivalMs, clock.now() + random.int(faults.delayMs));
    clock.setTimer(() => {
      if (session === this.#session && this.#host !== undefined) deliver(this.#host);
    }, this.#arrivalMs - clock.now());
  }

  /** The effect comes after a delay, the answer after another one, or never. */
  #call<Result>(effect: () => Result): Promise<Result> {
    const { clock, random, faults } = this.#hub;
    if (!this.isConnected) return Promise.reject(new EngineError('ERR_ENGINE_DOWN', 'not connected'));
    const session = this.#session;
    return new Promise((resolve, reject) => {
      this.#pending.add(reject);
      const deadline = clock.setTimer(() => {
        this.#pending.delete(reject);
        reject(new EngineError('ERR_ENGINE_DOWN', 'no answer in time'));
      }, this.#host!.limits.deadlineMs);
      const number = this.#calls++;
      const arrives = (): void => {
        // A stalled broker carries out calls later, in their order.
        if (faults.stalled || number !== this.#carriedOut) {
          clock.setTimer(arrives, faults.stalled ? 100 : 1);
          return;
        }
        this.#carriedOut++;
        // A call on its way may still be carried out after the connection broke.
        if (this.#host === undefined || (session !== this.#session && random.bool())) return;
        const result = effect();
        clock.setTimer(() => {
          if (session !== this.#session || !this.#pending.delete(reject)) return;
          clock.clearTimer(deadline);
          resolve(result);
        }, random.int(faults.delayMs));
      };
      this.#callMs = Math.max(this.#callMs, clock.now() + random.int(faults.delayMs));
      clock.setTimer(arrives, this.#callMs - clock.now());
    });
  }
}
