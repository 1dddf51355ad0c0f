import type { Clock } from '../engine/clock.ts';
import type { RandomSource } from '../engine/random.ts';
import { EngineError, MisuseError } from '../protocol/errors.ts';
import type { Position } from '../server/groups/topic.ts';
import type { ResumeWaiter, TopicNodeOwner } from '../server/groups/topic-node.ts';
import type { ArrivalHeader, Engine, HistoryLimits, Published } from './engine.ts';
import { type DecodedEntry, decodeEntry } from './envelope.ts';
import type { Interested } from './interest.ts';
import type { Outage } from './outage.ts';
import type { OwnBatch } from './publish-queue.ts';
import { Reads } from './reads.ts';
import { RecentMissed } from './recent-missed.ts';
import { RecoveryBudget, type RecoveryRoom, Resume } from './recovery.ts';
import { RelayedTopic } from './relayed-topic.ts';
import { type ResolvedHistoryRule, Rules } from './rules.ts';
import { TailMemory } from './tail.ts';
import { TopicLog, type TopicLogOwner } from './topic-log.ts';

/** The node that the topics belong to. */
export interface NodeTopicsOwner {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly nodeId: string;
  readonly server: TopicNodeOwner;
  readonly engine: Engine;
  /** The engine joins no other node: topics without history need nothing of it. */
  readonly isAlone: boolean;
  readonly maxEntryBytes: number;
  readonly maxHistoryBytes: number;
  readonly room: RecoveryRoom;
  readonly outage: Outage;
  isUp(): boolean;
  wantInterest(user: Interested): void;
  releaseInterest(user: Interested): void;
  /** The batch of a topic that this node publishes. */
  batchOf(topic: string): OwnBatch | undefined;
  /** Messages of a topic are no longer held. */
  released(topic: string): void;
  /** Calls {@link NodeTopics.serve} and {@link NodeTopics.flush} at the end of this turn. */
  wake(): void;
  fault(error: unknown): void;
}

/** The topics that this node has subscribers of: what the engine delivers and answers goes to the topic that it is for. */
export class NodeTopics {
  readonly #owner: NodeTopicsOwner;
  readonly #history: Rules<ResolvedHistoryRule>;
  readonly #logs = new Map<string, TopicLog>();
  readonly #relayed = new Map<string, RelayedTopic>();
  readonly #reads: Reads;
  readonly #recovery: RecoveryBudget;
  readonly #recent: RecentMissed;
  readonly #toServe = new Set<TopicLog>();
  readonly #logOwner: TopicLogOwner;
  #epochs = 0;

  constructor(history: readonly ResolvedHistoryRule[], owner: NodeTopicsOwner) {
    const { clock, random, engine, server, outage } = owner;
    this.#owner = owner;
    this.#history = new Rules(history, (error) => owner.fault(error));
    this.#recovery = new RecoveryBudget(clock, random, owner.room);
    this.#recent = new RecentMissed(clock);
    this.#reads = new Reads({
      clock,
      random,
      read: (topic, since) => engine.read(topic, since, this.limitsOf(this.#logs.get(topic)!.rule)),
      wake: () => owner.wake(),
      fault: (error) => owner.fault(error),
    });
    this.#logOwner = {
      tails: new TailMemory(owner.maxHistoryBytes),
      recovery: this.#recovery,
      recent: this.#recent,
      nowMs: () => clock.now(),
      wantInterest: (user) => owner.wantInterest(user),
      releaseInterest: (user) => owner.releaseInterest(user),
      wantRead: (reader) => this.#reads.want(reader),
      serveLater: (log) => {
        this.#toServe.add(log);
        owner.wake();
      },
      released: (topic) => owner.released(topic),
      filled: (log, hadGap) => outage.healed(log, hadGap),
      closed: (log) => this.#closed(log),
      decode: (entry) => this.#decode(entry),
      deliver: (topic, messages) => server.deliver(topic, messages),
      lost: (topic, position) => server.lost(topic, position),
    };
  }

  /** The topics with history. */
  logs(): Iterable<TopicLog> {
    return this.#logs.values();
  }

  /** The history rule of a topic. */
  ruleOf(topic: string): ResolvedHistoryRule | undefined {
    return this.#logs.get(topic)?.rule ?? this.#history.of(topic);
  }

  /** What the engine needs to know to create a history. */
  limitsOf({ maxMessages, maxBytes, ttlMs, positionTtlMs }: ResolvedHistoryRule): HistoryLimits {
    // Fresh for every call: an epoch that was used and lost must not come back.
    const candidateEpoch = `${this.#owner.nodeId}${(++this.#epochs).toString(36)}`;
    return { maxMessages, maxBytes, ttlMs, positionTtlMs, candidateEpoch };
  }

  /** Messages of the topic wait until its first subscribers have a position. */
  holdsPublishes(topic: string): boolean {
    return this.#logs.get(topic)?.holdsPublishes === true;
  }

  subscribe(topic: string): void {
    const log = this.#openLog(topic);
    if (log !== undefined) log.subscribe();
    else if (!this.#owner.isAlone) this.#relayedTopic(topic).subscribe();
  }

  unsubscribe(topic: string): void {
    this.#logs.get(topic)?.unsubscribe();
    this.#relayed.get(topic)?.unsubscribe();
  }

  /** @returns Cancels. */
  resume(topic: string, since: Position | undefined, waiter: ResumeWaiter): () => void {
    const log = this.#openLog(topic);
    if (log === undefined) throw noHistory(topic);
    const resume = new Resume(since, waiter, this.#owner.clock.now());
    log.resume(resume);
    return () => resume.cancel();
  }

  async position(topic: string): Promise<Position> {
    const { engine } = this.#owner;
    const rule = this.ruleOf(topic);
    if (rule === undefined) throw noHistory(topic);
    if (!this.#owner.isUp()) throw new EngineError('ERR_ENGINE_DOWN');
    const [position] = await engine.positions([topic]);
    if (position !== undefined) return position;
    const { epoch, top } = await engine.read(topic, undefined, this.limitsOf(rule));
    return { epoch, offset: top };
  }

  /** Messages that the engine delivers. */
  arrived(topic: string, header: ArrivalHeader, entries: readonly Uint8Array[]): void {
    const log = this.#logs.get(topic);
    if (log !== undefined) {
      if (header.epoch !== undefined) log.arrived(header, entries, this.#ownBatch(log, header));
    } else if (header.node !== this.#owner.nodeId) this.#relayed.get(topic)?.arrived(entries);
  }

  /** The engine has a batch of this node. @param published Where; `undefined` without history. */
  published(batch: OwnBatch, published: Published | undefined): void {
    if (published === undefined) {
      for (const message of batch.messages) message.published(undefined);
      return;
    }
    const { epoch, first } = published;
    batch.stored = { epoch, first, atMs: this.#owner.clock.now() };
    const log = this.#logs.get(batch.topic);
    if (log !== undefined) return log.stored(batch);
    batch.messages.forEach((message, at) => {
      message.delivery ??= NO_RECIPIENTS;
      message.published({ epoch, offset: first + at });
    });
  }

  online(): void {
    this.#reads.online();
  }

  offline(): void {
    this.#reads.offline();
    for (const log of this.#logs.values()) log.engineDown();
  }

  /** Answers the resumes that can be answered. */
  serve(): void {
    for (const log of this.#toServe) {
      this.#toServe.delete(log);
      log.serve();
    }
  }

  flush(): void {
    this.#reads.flush();
  }

  /** Fails the resumes that wait. */
  stop(): void {
    this.#recovery.stop();
    for (const log of this.#logs.values()) log.expireResumes(Infinity);
    this.#recent.forget();
  }

  /** The batch of this node that an arrival is. */
  #ownBatch(log: TopicLog, { node, seq }: ArrivalHeader): OwnBatch | undefined {
    if (node !== this.#owner.nodeId) return undefined;
    const batch = this.#owner.batchOf(log.topic);
    return batch?.seq === seq ? batch : log.awaited(seq);
  }

  #openLog(topic: string): TopicLog | undefined {
    const existing = this.#logs.get(topic);
    if (existing !== undefined) return existing;
    const rule = this.#history.of(topic);
    if (rule === undefined) return undefined;
    const log = new TopicLog(topic, rule, this.#logOwner, this.#owner.isUp());
    this.#logs.set(topic, log);
    return log;
  }

  #closed(log: TopicLog): void {
    this.#logs.delete(log.topic);
    this.#reads.forget(log);
    this.#toServe.delete(log);
    this.#owner.outage.healed(log, false);
  }

  #relayedTopic(name: string): RelayedTopic {
    let topic = this.#relayed.get(name);
    if (topic === undefined) {
      topic = new RelayedTopic(name, {
        wantInterest: (user) => this.#owner.wantInterest(user),
        releaseInterest: (user) => this.#owner.releaseInterest(user),
        closed: () => this.#relayed.delete(name),
        decode: (entry) => this.#decode(entry),
        deliver: (topicName, messages) => this.#owner.server.deliver(topicName, messages),
      });
      this.#relayed.set(name, topic);
    }
    return topic;
  }

  #decode(entry: Uint8Array): DecodedEntry | undefined {
    try {
      return decodeEntry(entry, this.#owner.maxEntryBytes);
    } catch (error) {
      this.#owner.fault(error);
      return undefined;
    }
  }
}

const NO_RECIPIENTS = Object.freeze({ sent: 0, skipped: 0, failed: 0 });

const noHistory = (topic: string): MisuseError =>
  new MisuseError('ERR_ARGUMENT', `topic '${topic}' has no history: add a rule to option history`);
