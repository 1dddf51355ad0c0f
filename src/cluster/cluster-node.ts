import type { Clock } from '../engine/clock.ts';
import type { Engine as ProcessEngine } from '../engine/engine.ts';
import type { RandomSource } from '../engine/random.ts';
import { EngineError, MisuseError } from '../protocol/errors.ts';
import type { PreparedMessage } from '../protocol/outgoing/prepared-message.ts';
import type { ConnectionIds } from '../server/groups/broadcast.ts';
import type { Position } from '../server/groups/topic.ts';
import type {
  MemberList,
  Relayed,
  ResumeWaiter,
  TopicNode,
  TopicNodeOwner,
} from '../server/groups/topic-node.ts';
import type {
  ArrivalHeader,
  Batch,
  Channel,
  Engine,
  EngineHost,
  HistoryLimits,
  Published,
} from './engine.ts';
import { LocalEngine } from './engines/local.ts';
import { type DecodedEntry, decodeEntry, encodeEntry, ENTRY_HEAD_BYTES, isName } from './envelope.ts';
import { Interest } from './interest.ts';
import { Presence } from './presence.ts';
import { type OwnBatch, PendingMessage, PublishQueue } from './publish-queue.ts';
import { Reads } from './reads.ts';
import { RecoveryBudget, RecoveryRoom, Resume } from './recovery.ts';
import { type ResolvedHistoryRule, type ResolvedPresenceRule, Rules } from './rules.ts';
import { RelayedTopic } from './relayed-topic.ts';
import { TailMemory } from './tail.ts';
import { Outage } from './outage.ts';
import { TopicLog } from './topic-log.ts';
import { Upkeep } from './upkeep.ts';

/** What a {@link TopicNode} of a server needs. */
export interface ClusterNodeSettings {
  readonly owner: TopicNodeOwner;
  /** First match wins. */
  readonly history: readonly ResolvedHistoryRule[];
  readonly presence: readonly ResolvedPresenceRule[];
  /** Default: the in-process engine. */
  readonly engine?: Engine | undefined;
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Of the histories in this process, and of the tails. */
  readonly maxHistoryBytes: number;
  /** Of messages; larger ones are refused. */
  readonly maxMessageBytes: number;
  /** Longest time of a call of the engine, and of a resume without an engine. Default 5,000. */
  readonly deadlineMs?: number | undefined;
  /** Shared by all nodes of the process. */
  readonly room: RecoveryRoom;
}

/** Creates the node of a server. It does nothing before `start`. */
export const createTopicNode = (
  settings: Omit<ClusterNodeSettings, 'room'>,
  process: ProcessEngine,
): TopicNode => new ClusterNode({ ...settings, room: process.part(RecoveryRoom) });

const OK: Promise<Relayed> = Promise.resolve({ ok: true });
const NO_RECIPIENTS = Object.freeze({ sent: 0, skipped: 0, failed: 0 });

/** Topics with history and presence of one server, over one engine. */
export class ClusterNode implements TopicNode, EngineHost {
  readonly nodeId: string;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly limits: EngineHost['limits'];
  readonly #owner: TopicNodeOwner;
  readonly #engine: Engine;
  readonly #isAlone: boolean;
  readonly #history: Rules<ResolvedHistoryRule>;
  readonly #tails: TailMemory;
  readonly #recovery: RecoveryBudget;
  readonly #queue: PublishQueue;
  readonly #interest: Interest;
  readonly #reads: Reads;
  readonly #logs = new Map<string, TopicLog>();
  readonly #relayed = new Map<string, RelayedTopic>();
  readonly #toServe = new Set<TopicLog>();
  readonly #upkeep: Upkeep;
  readonly #outage: Outage;
  readonly #presence: Presence;
  #state: 'new' | 'up' | 'down' | 'stopped' = 'new';
  #retired: Promise<void> | undefined;
  #epochs = 0;
  #wakes = false;
  readonly #turn = (): void => this.#endTurn();

  constructor(settings: ClusterNodeSettings) {
    const { owner, engine, clock, random, deadlineMs = 5_000, maxHistoryBytes, maxMessageBytes } = settings;
    this.#owner = owner;
    this.clock = clock;
    this.random = random;
    this.nodeId = random.bytes(12).toString('base64url');
    this.limits = { deadlineMs, maxEntryBytes: maxMessageBytes + ENTRY_HEAD_BYTES, maxHistoryBytes };
    this.#isAlone = engine === undefined;
    this.#engine = engine ?? new LocalEngine();
    const fault = (error: unknown): void => this.#fault(error);
    this.#outage = new Outage(clock, owner);
    this.#upkeep = new Upkeep(this.#engine, {
      clock,
      nodeId: this.nodeId,
      deadlineMs,
      isUp: () => this.#state === 'up',
      isInterested: () => this.#interest.size > 0,
      logs: () => this.#logs.values(),
      nodesAlive: (nodes, askedMs, isLate) => this.#presence.nodesAlive(nodes, askedMs, isLate),
      fault,
    });
    const wake = (): void => this.#wake();
    this.#presence = new Presence(settings.presence, this.#engine, {
      clock,
      nodeId: this.nodeId,
      server: owner,
      isUp: () => this.#state === 'up',
      wantInterest: (user) => this.#interest.want(user),
      releaseInterest: (user) => this.#interest.release(user),
      beat: () => (this.#isAlone ? Promise.resolve() : this.#upkeep.beat()),
      wake,
      fault,
    });
    this.#history = new Rules(settings.history, fault);
    this.#tails = new TailMemory(maxHistoryBytes);
    this.#recovery = new RecoveryBudget(clock, random, settings.room);
    this.#queue = new PublishQueue({
      clock,
      random,
      nodeId: this.nodeId,
      publish: (batch) => this.#publish(batch),
      holds: (topic) => this.#logs.get(topic)?.holdsPublishes === true,
      published: (batch, published) => this.#published(batch, published),
      wake,
    });
    this.#interest = new Interest({
      clock,
      interest: (add, remove) => this.#engine.interest(add, remove),
      wake,
      fault,
    });
    this.#reads = new Reads({
      clock,
      random,
      read: (topic, since) => this.#engine.read(topic, since, this.#limitsOf(this.#logs.get(topic)!.rule)),
      wake,
      fault,
    });
  }

  get state(): 'alone' | 'up' | 'down' {
    return this.#isAlone ? 'alone' : this.#state === 'up' ? 'up' : 'down';
  }

  start(): void {
    if (this.#state !== 'new') throw new MisuseError('ERR_STATE', 'a node of topics is started once');
    this.#state = 'down';
    if (!this.#isAlone) this.#upkeep.start();
    this.#engine.start(this).catch((error: unknown) => this.#fault(error));
  }

  retire(deadlineMs: number): Promise<void> {
    this.#retired ??= this.#within(deadlineMs, this.#presence.stop());
    this.#upkeep.retire();
    return this.#retired;
  }

  async stop(deadlineMs: number): Promise<void> {
    if (this.#state === 'stopped') return;
    await this.retire(deadlineMs);
    this.#recovery.stop();
    for (const log of this.#logs.values()) log.expireResumes(Infinity);
    await this.#within(deadlineMs, this.#interest.stop());
    await this.#queue.drain(this.#state === 'up' ? deadlineMs : 0);
    this.#state = 'stopped';
    this.#upkeep.stop();
    await this.#engine.stop(deadlineMs);
  }

  hasHistory(topic: string): boolean {
    return this.#logs.has(topic) || this.#history.of(topic) !== undefined;
  }

  hasPresence(topic: string): boolean {
    return this.#presence.has(topic);
  }

  subscribe(topic: string): void {
    const log = this.#openLog(topic);
    if (log !== undefined) log.subscribe();
    else if (!this.#isAlone) this.#relayedTopic(topic).subscribe();
  }

  unsubscribe(topic: string): void {
    this.#logs.get(topic)?.unsubscribe();
    this.#relayed.get(topic)?.unsubscribe();
  }

  publish(
    topic: string,
    message: PreparedMessage,
    except: ConnectionIds,
    publisher: object | undefined,
  ): Promise<Relayed> {
    const rule = this.#ruleOf(topic);
    if (rule === undefined && this.#isAlone) return OK;
    const entry = encodeEntry(message, except);
    const maxBytes = Math.min(this.limits.maxEntryBytes, rule?.maxBytes ?? Infinity);
    if (entry.length > maxBytes)
      return refused(
        new EngineError('ERR_ENGINE_REFUSED', `a message of ${entry.length} bytes; the limit is ${maxBytes}`),
      );
    if (this.#state === 'stopped') return refused(new EngineError('ERR_ENGINE_DOWN', 'the node has stopped'));
    return new Promise((resolve) => {
      const nowMs = this.clock.now();
      const settle = rule === undefined ? withLocalDelivery(resolve) : resolve;
      this.#queue.push(new PendingMessage(topic, entry, message, except, publisher, nowMs, settle));
    });
  }

  resume(topic: string, since: Position | undefined, waiter: ResumeWaiter): () => void {
    const log = this.#openLog(topic);
    if (log === undefined) throw noHistory(topic);
    const resume = new Resume(since, waiter, this.clock.now());
    log.resume(resume);
    return () => resume.cancel();
  }

  async position(topic: string): Promise<Position> {
    const rule = this.#ruleOf(topic);
    if (rule === undefined) throw noHistory(topic);
    if (this.#state !== 'up') throw new EngineError('ERR_ENGINE_DOWN');
    const [position] = await this.#engine.positions([topic]);
    if (position !== undefined) return position;
    const { epoch, top } = await this.#engine.read(topic, undefined, this.#limitsOf(rule));
    return { epoch, offset: top };
  }

  enter(topic: string, connectionId: string, key: string, info: unknown): void {
    this.#presence.enter(topic, connectionId, key, info);
  }

  leave(topic: string, connectionId: string): void {
    this.#presence.leave(topic, connectionId);
  }

  members(topic: string): Promise<MemberList> {
    return this.#presence.members(topic);
  }

  watch(topic: string): void {
    this.#presence.watch(topic);
  }

  unwatch(topic: string): void {
    this.#presence.unwatch(topic);
  }

  connected(): void {
    if (this.#state === 'up' || this.#state === 'stopped') return;
    this.#state = 'up';
    this.#reads.online();
    this.#interest.online();
    this.#queue.online();
    this.#presence.online();
    if (this.#isAlone) return;
    this.#upkeep.connected();
    this.#outage.over(this.#logs.values());
  }

  disconnected(error: Error): void {
    if (this.#state === 'stopped') return;
    if (this.#state === 'up') {
      this.#state = 'down';
      this.#queue.offline();
      this.#reads.offline();
      this.#presence.offline();
      for (const log of this.#logs.values()) log.engineDown();
      this.#interest.offline();
    }
    this.#outage.begin(error);
  }

  deliver(channel: Channel, header: ArrivalHeader, entries: readonly Uint8Array[]): void {
    if (!this.#isAlone && !isValidHeader(header)) {
      this.#fault(new EngineError('ERR_ENGINE_MESSAGE', 'the header of an arrival is invalid'));
      return;
    }
    if (!this.#isAlone) this.#upkeep.heard();
    const { topic } = channel;
    if (channel.kind === 'members') {
      this.#presence.arrived(topic, entries);
      return;
    }
    const log = this.#logs.get(topic);
    if (log !== undefined) {
      if (header.epoch !== undefined) log.arrived(header, entries, this.#ownBatch(log, header));
    } else if (header.node !== this.nodeId) this.#relayed.get(topic)?.arrived(entries);
  }

  control(bytes: Uint8Array): void {
    if (!this.#upkeep.received(bytes))
      this.#fault(new EngineError('ERR_ENGINE_MESSAGE', 'a control message is of an unknown kind'));
  }

  fault(error: Error): void {
    this.#fault(error);
  }

  /** The batch of this node that an arrival is. */
  #ownBatch(log: TopicLog, { node, seq }: ArrivalHeader): OwnBatch | undefined {
    if (node !== this.nodeId) return undefined;
    const batch = this.#queue.batchOf(log.topic);
    return batch?.seq === seq ? batch : log.awaited(seq);
  }

  #ruleOf(topic: string): ResolvedHistoryRule | undefined {
    return this.#logs.get(topic)?.rule ?? this.#history.of(topic);
  }

  #limitsOf({ maxMessages, maxBytes, ttlMs, positionTtlMs }: ResolvedHistoryRule): HistoryLimits {
    // Fresh for every call: an epoch that was used and lost must not come back.
    const candidateEpoch = `${this.nodeId}${(++this.#epochs).toString(36)}`;
    return { maxMessages, maxBytes, ttlMs, positionTtlMs, candidateEpoch };
  }

  #openLog(topic: string): TopicLog | undefined {
    const existing = this.#logs.get(topic);
    if (existing !== undefined) return existing;
    const rule = this.#history.of(topic);
    if (rule === undefined) return undefined;
    const log = new TopicLog(
      topic,
      rule,
      {
        tails: this.#tails,
        recovery: this.#recovery,
        nowMs: () => this.clock.now(),
        wantInterest: (user) => this.#interest.want(user),
        releaseInterest: (user) => this.#interest.release(user),
        wantRead: (reader) => this.#reads.want(reader),
        serveLater: (other) => {
          this.#toServe.add(other);
          this.#wake();
        },
        released: (name) => this.#queue.release(name),
        filled: (other, hadGap) => this.#outage.healed(other, hadGap),
        closed: (other) => this.#closed(other),
        decode: (entry) => this.#decode(entry),
        deliver: (name, messages) => this.#owner.deliver(name, messages),
        lost: (name, position) => this.#owner.lost(name, position),
      },
      this.#state === 'up',
    );
    this.#logs.set(topic, log);
    return log;
  }

  #closed(log: TopicLog): void {
    this.#logs.delete(log.topic);
    this.#reads.forget(log);
    this.#toServe.delete(log);
    this.#outage.healed(log, false);
  }

  #relayedTopic(name: string): RelayedTopic {
    let topic = this.#relayed.get(name);
    if (topic === undefined) {
      topic = new RelayedTopic(name, {
        wantInterest: (user) => this.#interest.want(user),
        releaseInterest: (user) => this.#interest.release(user),
        closed: () => this.#relayed.delete(name),
        decode: (entry) => this.#decode(entry),
        deliver: (topicName, messages) => this.#owner.deliver(topicName, messages),
      });
      this.#relayed.set(name, topic);
    }
    return topic;
  }

  #publish(batch: Omit<Batch, 'history'>): Promise<Published | undefined> {
    const rule = this.#ruleOf(batch.topic);
    const history = rule === undefined ? undefined : this.#limitsOf(rule);
    const { topic, node, seq, again, entries } = batch;
    return this.#engine.publish({ topic, node, seq, again, entries, history });
  }

  #published(batch: OwnBatch, published: Published | undefined): void {
    if (published === undefined) {
      for (const message of batch.messages) message.published(undefined);
      return;
    }
    const { epoch, first } = published;
    batch.stored = { epoch, first, atMs: this.clock.now() };
    const log = this.#logs.get(batch.topic);
    if (log !== undefined) return log.stored(batch);
    batch.messages.forEach((message, at) => {
      message.delivery ??= NO_RECIPIENTS;
      message.published({ epoch, offset: first + at });
    });
  }

  #decode(entry: Uint8Array): DecodedEntry | undefined {
    try {
      return decodeEntry(entry, this.limits.maxEntryBytes);
    } catch (error) {
      this.#fault(error);
      return undefined;
    }
  }

  #wake(): void {
    if (this.#wakes) return;
    this.#wakes = true;
    queueMicrotask(this.#turn);
  }

  #endTurn(): void {
    this.#wakes = false;
    if (this.#state === 'stopped') return;
    for (const log of this.#toServe) {
      this.#toServe.delete(log);
      log.serve();
    }
    this.#interest.flush();
    this.#reads.flush();
    this.#queue.flush();
    this.#presence.flush();
  }

  /** Waits for a step that never rejects, for a limited time. */
  #within(deadlineMs: number, step: Promise<void>): Promise<void> {
    let timer: unknown;
    const elapsed = new Promise<void>((resolve) => {
      timer = this.clock.setTimer(resolve, deadlineMs);
    });
    return Promise.race([step, elapsed]).finally(() => this.clock.clearTimer(timer));
  }

  #fault(error: unknown): void {
    // Calls that are in flight while the engine stops may fail.
    if (this.#state === 'stopped') return;
    this.#owner.engineFault(error instanceof Error ? error : new Error(String(error)));
  }
}

const isValidHeader = ({ node, seq, epoch, first }: ArrivalHeader): boolean =>
  isName(node) &&
  Number.isSafeInteger(seq) &&
  (epoch === undefined || isName(epoch)) &&
  Number.isSafeInteger(first) &&
  (epoch === undefined ? first === 0 : first >= 1);

const noHistory = (topic: string): MisuseError =>
  new MisuseError('ERR_ARGUMENT', `topic '${topic}' has no history: add a rule to option history`);

async function refused(error: EngineError): Promise<Relayed> {
  return { ok: false, error, outcome: 'not-published' };
}

/** Without history, local subscribers have the message already. */
const withLocalDelivery =
  (resolve: (relayed: Relayed) => void) =>
  (relayed: Relayed): void =>
    resolve(relayed.ok ? relayed : { ok: false, error: relayed.error, outcome: 'unknown' });
