import { EngineError } from '../../protocol/errors.ts';
import type { Position } from '../../server/groups/topic.ts';
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
} from '../engine.ts';
import { memberChange } from '../envelope.ts';
import { Histories } from './histories.ts';

/** How often what has expired is dropped, in ms; reads and publishes do not see it before either. */
const SWEEP_MS = 60_000;

const keyOf = ({ kind, topic }: Channel): string => `${kind} ${topic}`;

/**
 * The engine of a server on its own: histories and members in the memory of this process, which end with it. Every call has
 * its effect before it returns.
 */
export class LocalEngine implements Engine {
  readonly name = 'local';
  readonly capabilities = Object.freeze({ history: true, presence: true });
  #host: EngineHost | undefined;
  #histories: Histories | undefined;
  readonly #wanted = new Map<string, Channel>();
  readonly #members = new Map<string, Map<string, Uint8Array>>();
  #info: Uint8Array = new Uint8Array(0);
  #changes = 0;
  #sweepTimer: unknown;

  start(host: EngineHost): Promise<void> {
    this.#host = host;
    this.#histories = new Histories(host.limits.maxHistoryBytes);
    host.connected();
    return Promise.resolve();
  }

  stop(_deadlineMs: number): Promise<void> {
    this.#host?.clock.clearTimer(this.#sweepTimer);
    this.#sweepTimer = undefined;
    this.#host = undefined;
    this.#histories?.clear();
    this.#wanted.clear();
    this.#members.clear();
    return Promise.resolve();
  }

  publish(batch: Batch): Promise<Published | undefined> {
    const host = this.#host;
    if (host === undefined) return stopped();
    const { topic, node, seq, history, entries } = batch;
    const published =
      history === undefined ? undefined : this.#histories!.append(batch, history, host.clock.now());
    if (published?.again === true) return Promise.resolve(published);
    if (published !== undefined) this.#sweepLater(host);
    const channel = this.#wanted.get(`messages ${topic}`);
    if (channel !== undefined)
      host.deliver(channel, { node, seq, epoch: published?.epoch, first: published?.first ?? 0 }, entries);
    return Promise.resolve(published);
  }

  interest(add: readonly Channel[], remove: readonly Channel[]): Promise<void> {
    if (this.#host === undefined) return stopped();
    for (const channel of remove) this.#wanted.delete(keyOf(channel));
    for (const channel of add) this.#wanted.set(keyOf(channel), channel);
    return Promise.resolve();
  }

  read(topic: string, since: Position | undefined, limits: HistoryLimits): Promise<HistoryRead> {
    const host = this.#host;
    if (host === undefined) return stopped();
    const read = this.#histories!.read(topic, since, limits, host.clock.now());
    this.#sweepLater(host);
    return Promise.resolve(read);
  }

  positions(topics: readonly string[]): Promise<readonly (Position | undefined)[]> {
    const host = this.#host;
    if (host === undefined) return stopped();
    const nowMs = host.clock.now();
    return Promise.resolve(topics.map((topic) => this.#histories!.position(topic, nowMs)));
  }

  enter(topic: string, members: ReadonlyMap<string, Uint8Array>): Promise<void> {
    if (this.#host === undefined) return stopped();
    let all = this.#members.get(topic);
    if (all === undefined) this.#members.set(topic, (all = new Map()));
    for (const [field, value] of members) all.set(field, value);
    this.#deliverChanges(
      topic,
      [...members].map(([field, value]) => memberChange(field, value)),
    );
    return Promise.resolve();
  }

  leave(topic: string, fields: readonly string[]): Promise<void> {
    if (this.#host === undefined) return stopped();
    const all = this.#members.get(topic);
    const gone = fields.filter((field) => all?.delete(field) === true);
    if (all?.size === 0) this.#members.delete(topic);
    if (gone.length > 0)
      this.#deliverChanges(
        topic,
        gone.map((field) => memberChange(field, undefined)),
      );
    return Promise.resolve();
  }

  members(topic: string, max: number): Promise<MembersRead> {
    if (this.#host === undefined) return stopped();
    const entries = this.#members.get(topic) ?? new Map<string, Uint8Array>();
    const { size: count } = entries;
    return Promise.resolve(count > max ? { count } : { count, entries: new Map(entries) });
  }

  beat(info: Uint8Array, _ttlMs: number): Promise<readonly NodeEntry[]> {
    const host = this.#host;
    if (host === undefined) return stopped();
    this.#info = info;
    return Promise.resolve([{ node: host.nodeId, info: this.#info }]);
  }

  tell(to: { readonly node: string } | 'all', bytes: Uint8Array): Promise<void> {
    const host = this.#host;
    if (host === undefined) return stopped();
    if (to === 'all' || to.node === host.nodeId) host.control(bytes);
    return Promise.resolve();
  }

  /** There is no connection that could be renewed. */
  reconnect(_reason: Error): void {}

  #deliverChanges(topic: string, entries: readonly Uint8Array[]): void {
    const host = this.#host!;
    const channel = this.#wanted.get(`members ${topic}`);
    if (channel === undefined) return;
    host.deliver(channel, { node: host.nodeId, seq: ++this.#changes, first: 0 }, entries);
  }

  #sweepLater(host: EngineHost): void {
    this.#sweepTimer ??= host.clock.setTimer(() => {
      this.#sweepTimer = undefined;
      this.#histories!.sweep(host.clock.now());
      if (this.#histories!.size > 0) this.#sweepLater(host);
    }, SWEEP_MS);
  }
}

const stopped = (): Promise<never> =>
  Promise.reject(new EngineError('ERR_ENGINE_DOWN', 'the in-process engine is not started'));
