import { Buffer } from 'node:buffer';
import { EngineError, MisuseError } from '../../../protocol/errors.ts';
import type { Position } from '../../../server/groups/topic.ts';
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
} from '../../engine.ts';
import { readEnvelope, writeEnvelope } from '../../envelope.ts';
import type { OpenLink } from './clients.ts';
import { RedisHistory } from './history.ts';
import type { Keys } from './keys.ts';
import { RedisMembers } from './members.ts';
import { asBuffer, mapOf } from './replies.ts';
import { Session } from './session.ts';
import { type BackoffLimits, backoffMs } from '../../backoff.ts';

const RECONNECT: BackoffLimits = { firstMs: 50, maxMs: 5_000 };

export interface RedisEngineSettings {
  readonly open: OpenLink;
  readonly keys: Keys;
  readonly trustPersistence: boolean;
  readonly deadlineMs: number;
  /** Reports that Redis may evict keys. */
  readonly evicts: (policy: string) => void;
}

/** Joins nodes through one Redis: pub/sub, lists and scripts. */
export class RedisEngine implements Engine {
  readonly name = 'redis';
  readonly capabilities = Object.freeze({ history: true, presence: true });
  readonly #settings: RedisEngineSettings;
  readonly #keys: Keys;
  /** Channels that arrive, by their name in Redis. */
  readonly #channels = new Map<string, Channel>();
  readonly #history: RedisHistory;
  readonly #members: RedisMembers;
  #host: EngineHost | undefined;
  #session: Session | undefined;
  #isUp = false;
  #isStopped = false;
  /** Whether the host knows that Redis cannot be used. */
  #isDownTold = false;
  #attempts = 0;
  #timer: unknown;
  #claim = '';
  #seq = 0;
  #started: { resolve(): void; reject(error: EngineError): void } | undefined;

  constructor(settings: RedisEngineSettings) {
    this.#settings = settings;
    this.#keys = settings.keys;
    this.#history = new RedisHistory(settings.keys);
    this.#members = new RedisMembers(settings.keys);
  }

  start(host: EngineHost): Promise<void> {
    if (this.#host !== undefined)
      throw new MisuseError('ERR_STATE', 'an engine serves one server; call redisEngine for each');
    this.#host = host;
    this.#claim = host.random.bytes(9).toString('base64url');
    return new Promise((resolve, reject) => {
      this.#started = { resolve, reject };
      this.#connect(host);
    });
  }

  async stop(deadlineMs: number): Promise<void> {
    const host = this.#host;
    if (host === undefined || this.#isStopped) return;
    this.#isStopped = true;
    host.clock.clearTimer(this.#timer);
    if (this.#isUp) await this.#leaveNodes(host, deadlineMs);
    this.#isUp = false;
    this.#channels.clear();
    this.#session?.end(stopped());
    this.#started?.resolve();
  }

  async publish(batch: Batch): Promise<Published | undefined> {
    const session = this.#usable();
    const { topic, node, seq, history } = batch;
    if (history !== undefined) return this.#history.append(session, batch, history);
    const header = { node, seq, epoch: undefined, first: 0 };
    const channel = this.#keys.channel({ kind: 'messages', topic });
    await session.call(['PUBLISH', channel, writeEnvelope('m', header, batch.entries)]);
    return undefined;
  }

  async interest(add: readonly Channel[], remove: readonly Channel[]): Promise<void> {
    const session = this.#usable();
    const gone = remove.map((channel) => this.#keys.channel(channel));
    for (const name of gone) this.#channels.delete(name);
    const wanted = add.map((channel) => this.#keys.channel(channel));
    add.forEach((channel, at) => this.#channels.set(wanted[at]!, channel));
    const calls: Promise<void>[] = [];
    if (gone.length > 0) calls.push(session.unsubscribe(gone));
    if (wanted.length > 0) calls.push(session.subscribe(wanted));
    await Promise.all(calls);
  }

  async read(topic: string, since: Position | undefined, history: HistoryLimits): Promise<HistoryRead> {
    return this.#history.read(this.#usable(), topic, since, history);
  }

  async positions(topics: readonly string[]): Promise<readonly (Position | undefined)[]> {
    return this.#history.positions(this.#usable(), topics);
  }

  async enter(topic: string, members: ReadonlyMap<string, Uint8Array>): Promise<void> {
    await this.#members.enter(this.#usable(), this.#host!.nodeId, topic, members);
  }

  async leave(topic: string, fields: readonly string[]): Promise<void> {
    await this.#members.leave(this.#usable(), this.#host!.nodeId, topic, fields);
  }

  async members(topic: string, max: number): Promise<MembersRead> {
    return this.#members.read(this.#usable(), topic, max);
  }

  async beat(info: Uint8Array, ttlMs: number): Promise<readonly NodeEntry[]> {
    const session = this.#usable();
    const host = this.#host!;
    this.#members.renew(session, host.clock.now()).catch((error: Error) => host.fault(error));
    const nodes = await this.#beat(session, host, ttlMs, info);
    if (nodes.size === 0)
      throw new EngineError(
        'ERR_ENGINE_REFUSED',
        `another node with the id ${host.nodeId} is alive; each server needs an id of its own`,
      );
    return Array.from(nodes, ([node, claimed]) => ({
      node,
      info: claimed.subarray(claimed.indexOf(SPACE) + 1),
    }));
  }

  async tell(to: { readonly node: string } | 'all', bytes: Uint8Array): Promise<void> {
    const session = this.#usable();
    const channel = to === 'all' ? this.#keys.control : this.#keys.node(to.node);
    const header = { node: this.#host!.nodeId, seq: ++this.#seq, epoch: undefined, first: 0 };
    await session.call(['PUBLISH', channel, writeEnvelope('c', header, [bytes])]);
  }

  reconnect(reason: Error): void {
    this.#session?.fail(reason);
  }

  #usable(): Session {
    if (!this.#isUp) throw this.#isStopped ? stopped() : new EngineError('ERR_ENGINE_DOWN');
    return this.#session!;
  }

  #connect(host: EngineHost): void {
    const { open, trustPersistence, evicts } = this.#settings;
    const deadlineMs = Math.min(this.#settings.deadlineMs, host.limits.deadlineMs);
    let session: Session;
    try {
      session = new Session(
        { open, keys: this.#keys, clock: host.clock, deadlineMs, trustPersistence },
        {
          message: (channel, bytes) => this.#message(host, channel, bytes),
          ended: (error) => this.#down(host, error),
          evicts,
        },
      );
    } catch (error) {
      // The library refused the options of the duplicate.
      this.#down(host, new EngineError('ERR_ENGINE_DOWN', String(error), { cause: error }));
      return;
    }
    this.#session = session;
    session.start([this.#keys.control, this.#keys.node(host.nodeId)]).then(
      () => this.#up(host),
      (error: unknown) => {
        if (
          error instanceof EngineError &&
          error.code === 'ERR_ENGINE_REFUSED' &&
          this.#started !== undefined
        )
          this.#refuse(session, error);
        else session.fail(error);
      },
    );
  }

  #up(host: EngineHost): void {
    if (this.#isStopped) return;
    this.#isUp = true;
    this.#isDownTold = false;
    this.#attempts = 0;
    host.connected();
    this.#started?.resolve();
    this.#started = undefined;
  }

  #down(host: EngineHost, error: EngineError): void {
    if (this.#isStopped) return;
    this.#isUp = false;
    this.#session = undefined;
    this.#channels.clear();
    if (!this.#isDownTold) {
      this.#isDownTold = true;
      host.disconnected(error);
    }
    host.clock.clearTimer(this.#timer);
    this.#timer = host.clock.setTimer(
      () => this.#connect(host),
      backoffMs(RECONNECT, this.#attempts++, host.random),
    );
  }

  /** The server, or its other nodes, will not work with this engine: it does not try again. */
  #refuse(session: Session, error: EngineError): void {
    this.#isStopped = true;
    session.end(error);
    this.#started!.reject(error);
    this.#started = undefined;
  }

  #message(host: EngineHost, name: string, bytes: Buffer): void {
    if (!this.#isUp) return;
    const channel = this.#channels.get(name);
    const isControl = name === this.#keys.control || name === this.#keys.node(host.nodeId);
    if (channel === undefined && !isControl) return;
    const kind = channel === undefined ? 'c' : channel.kind === 'messages' ? 'm' : 'j';
    try {
      const envelope = readEnvelope(bytes, host.limits.maxEntryBytes);
      if (envelope.kind !== kind)
        throw new EngineError(
          'ERR_ENGINE_MESSAGE',
          `an envelope of kind ${envelope.kind} on a channel of kind ${kind}`,
        );
      if (channel !== undefined) host.deliver(channel, envelope.header, envelope.entries);
      else for (const entry of envelope.entries) host.control(entry);
    } catch (error) {
      host.fault(error as Error);
    }
  }

  async #beat(
    session: Session,
    host: EngineHost,
    ttlMs: number,
    info: Uint8Array,
  ): Promise<Map<string, Buffer>> {
    const args = [host.nodeId, this.#claim, String(ttlMs), asBuffer(info)];
    return mapOf(await session.script('beat', [this.#keys.nodes, this.#keys.nodeInfo], args));
  }

  /** Other nodes see at once that this one is gone. */
  async #leaveNodes(host: EngineHost, deadlineMs: number): Promise<void> {
    const timer = host.clock.setTimer(() => this.#session?.fail(stopped()), deadlineMs);
    try {
      await this.#beat(this.#session!, host, 0, Buffer.alloc(0));
    } catch {
      // The entry expires.
    }
    host.clock.clearTimer(timer);
  }
}

const SPACE = 0x20;

const stopped = (): EngineError => new EngineError('ERR_ENGINE_DOWN', 'the engine has stopped');
