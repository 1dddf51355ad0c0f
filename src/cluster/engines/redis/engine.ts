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
import { envelopeHeader, readEnvelope, writeEnvelope } from '../../envelope.ts';
import type { OpenLink } from './clients.ts';
import { type Keys, partitionOf } from './keys.ts';
import { bytesOf, listOf, mapOf, numberOf, textOf } from './replies.ts';
import { Renewals } from './renewals.ts';
import { Session } from './session.ts';

/** The longest delay before the first and before any reconnect, with full jitter. */
const RECONNECT_MIN_MS = 50;
const RECONNECT_MAX_MS = 5_000;
/** How long Redis remembers the last batch of a node: longer than a node sends a batch again. */
const LAST_BATCH_MS = 60_000;
/** More members than this are read in several steps, so that Redis serves others in between. */
const MEMBERS_AT_ONCE = 1_000;

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
  readonly #renewals = new Renewals();
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
    const channel = this.#keys.channel({ kind: 'messages', topic });
    if (history === undefined) {
      const header = { node, seq, epoch: undefined, first: 0 };
      await session.call(['PUBLISH', channel, writeEnvelope('m', header, batch.entries)]);
      return undefined;
    }
    const keys = [...this.#keys.history(topic), this.#keys.lastBatch(topic, node)];
    const { candidateEpoch, maxMessages, maxBytes, ttlMs, positionTtlMs } = history;
    const limits = [maxMessages, maxBytes, ttlMs, positionTtlMs].map(String);
    const origin = [channel, node, String(seq), String(LAST_BATCH_MS)];
    const args = [candidateEpoch, ...limits, ...origin, ...batch.entries.map(asBuffer)];
    const [epoch, first, again] = listOf(await session.script('append', keys, args));
    return { epoch: textOf(epoch), first: numberOf(first), again: numberOf(again) === 1 };
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
    const { candidateEpoch, positionTtlMs } = history;
    const args = [candidateEpoch, String(positionTtlMs), since?.epoch ?? '', String(since?.offset ?? 0)];
    const reply = listOf(await this.#usable().script('read', this.#keys.history(topic), args));
    const top = numberOf(reply[1]);
    const entries = listOf(reply[2]).map(bytesOf);
    return { epoch: textOf(reply[0]), top, first: top - entries.length + 1, entries };
  }

  async positions(topics: readonly string[]): Promise<readonly (Position | undefined)[]> {
    const session = this.#usable();
    const byPartition = new Map<number, number[]>();
    topics.forEach((topic, at) => {
      const partition = partitionOf(topic);
      const places = byPartition.get(partition);
      if (places === undefined) byPartition.set(partition, [at]);
      else places.push(at);
    });
    const positions: (Position | undefined)[] = topics.map(() => undefined);
    await Promise.all(
      Array.from(byPartition, async ([partition, places]) => {
        const metas = places.map((at) => this.#keys.history(topics[at]!)[0]);
        const [run, ...found] = listOf(await session.call(['MGET', this.#keys.runs[partition]!, ...metas]));
        if (run !== null) places.forEach((at, i) => (positions[at] = positionOf(found[i], textOf(run))));
      }),
    );
    return positions;
  }

  async enter(topic: string, members: ReadonlyMap<string, Uint8Array>): Promise<void> {
    const session = this.#usable();
    this.#renewals.entered(topic, members.keys());
    const args: (string | Buffer)[] = [...this.#changeHead(topic), String(this.#renewals.ttlMs)];
    for (const [field, value] of members) args.push(field, asBuffer(value));
    await session.script('enter', [this.#keys.members(topic)], args);
  }

  async leave(topic: string, fields: readonly string[]): Promise<void> {
    const session = this.#usable();
    this.#renewals.left(topic, fields);
    await session.script('leave', [this.#keys.members(topic)], [...this.#changeHead(topic), ...fields]);
  }

  async members(topic: string, max: number): Promise<MembersRead> {
    const session = this.#usable();
    const key = this.#keys.members(topic);
    const atOnce = Math.min(max, MEMBERS_AT_ONCE);
    const reply = listOf(await session.script('members', [key], [String(atOnce)]));
    const count = numberOf(reply[0]);
    if (reply.length > 1) return { count, entries: mapOf(reply[1]) };
    if (count > max) return { count };
    const entries = new Map<string, Uint8Array>();
    let cursor = '0';
    do {
      const scan = listOf(await session.call(['HSCAN', key, cursor, 'COUNT', String(MEMBERS_AT_ONCE)]));
      for (const [field, value] of mapOf(scan[1])) entries.set(field, value);
      cursor = textOf(scan[0]);
    } while (cursor !== '0');
    return entries.size > max ? { count: entries.size } : { count: entries.size, entries };
  }

  async beat(info: Uint8Array, ttlMs: number): Promise<readonly NodeEntry[]> {
    const session = this.#usable();
    const host = this.#host!;
    this.#renew(session, host);
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
    const limitMs = Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** this.#attempts++);
    host.clock.clearTimer(this.#timer);
    this.#timer = host.clock.setTimer(() => this.#connect(host), host.random.fraction() * limitMs);
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

  #changeHead(topic: string): [string, string] {
    const header = { node: this.#host!.nodeId, seq: ++this.#seq, epoch: undefined, first: 0 };
    return [this.#keys.channel({ kind: 'members', topic }), envelopeHeader('j', header)];
  }

  /** Redis forgets members that no node renews, such as those of a cluster that was stopped by force. */
  #renew(session: Session, host: EngineHost): void {
    for (const topic of this.#renewals.due(host.clock.now())) {
      const key = this.#keys.members(topic);
      session.call(['PEXPIRE', key, String(this.#renewals.ttlMs)]).catch((error: Error) => host.fault(error));
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

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

/** The position in the meta of a history, if it belongs to the run. */
function positionOf(meta: Parameters<typeof textOf>[0], run: string): Position | undefined {
  if (meta === null || meta === undefined) return undefined;
  const [epoch, offset, , of] = textOf(meta).split(' ');
  return of === run ? { epoch: epoch!, offset: Number(offset) } : undefined;
}
