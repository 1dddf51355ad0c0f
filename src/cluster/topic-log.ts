import type { Position } from '../server/groups/topic.ts';
import { type Arrival, ArrivalBuffer } from './arrivals.ts';
import type { ArrivalHeader, Channel, HistoryRead } from './engine.ts';
import type { Interested } from './interest.ts';
import type { OwnBatch } from './publish-queue.ts';
import type { Reader } from './reads.ts';
import type { RecentMissed } from './recent-missed.ts';
import type { RecoveryBudget, Resume } from './recovery.ts';
import type { ResolvedHistoryRule } from './rules.ts';
import { settleStored, StoredBatches } from './stored-batches.ts';
import { Tail } from './tail.ts';
import { type ResumedTopic, TopicResumes } from './topic-resumes.ts';
import { TopicStream, type TopicStreamOwner } from './topic-stream.ts';

/**
 * - `opening`: interest is requested.
 * - `filling`: one read is in flight; arrivals are buffered.
 * - `live`: local subscribers have everything up to the position.
 * - `idle`: live, without subscribers; ends with the interest.
 * - `stuck`: the engine cannot be used; subscribers keep their position.
 */
export type LogState = 'opening' | 'filling' | 'live' | 'idle' | 'stuck';

/** The node that the log belongs to. */
export interface TopicLogOwner extends TopicStreamOwner {
  readonly recovery: RecoveryBudget;
  readonly recent: RecentMissed;
  wantInterest(user: Interested): void;
  releaseInterest(user: Interested): void;
  wantRead(reader: Reader): void;
  /** Calls {@link TopicLog.serve} at the end of this turn. */
  serveLater(log: TopicLog): void;
  /** The log no longer holds the messages of its topic. */
  released(topic: string): void;
  /** The log became live. @param hadGap Something was missing before. */
  filled(log: TopicLog, hadGap: boolean): void;
  /** The interest ended: the log is over. */
  closed(log: TopicLog): void;
}

/**
 * One topic with history on this node: when its history is read, and what of an arrival or an answer continues its stream.
 */
export class TopicLog implements Interested, Reader, ResumedTopic {
  readonly topic: string;
  readonly rule: ResolvedHistoryRule;
  readonly channel: Channel;
  readonly stream: TopicStream;
  reads = 0;
  /** When something arrived, or the position was compared. */
  heardMs: number;
  readonly #owner: TopicLogOwner;
  readonly #resumes: TopicResumes;
  readonly #buffer = new ArrivalBuffer();
  readonly #stored = new StoredBatches();
  #state: Exclude<LogState, 'idle'>;
  #needsAll = false;

  /** @param isOnline Whether the engine can be used. */
  constructor(topic: string, rule: ResolvedHistoryRule, owner: TopicLogOwner, isOnline: boolean) {
    this.topic = topic;
    this.rule = rule;
    this.channel = { kind: 'messages', topic };
    this.#owner = owner;
    this.#resumes = new TopicResumes(this, owner.recovery, owner.recent);
    const tail = new Tail(rule, owner.tails, () => this.#resumes.waiting > 0);
    this.stream = new TopicStream(topic, tail, owner);
    this.#state = isOnline ? 'opening' : 'stuck';
    this.heardMs = owner.nowMs();
  }

  /** Of the last message that was delivered; `undefined` before the first read. */
  get position(): Position | undefined {
    return this.stream.position;
  }

  get isLive(): boolean {
    return this.#state === 'live';
  }

  get state(): LogState {
    return this.isLive && !this.#isHeld ? 'idle' : this.#state;
  }

  /** Messages of the topic wait: its first subscribers have no position yet, and would miss them. */
  get holdsPublishes(): boolean {
    return this.position === undefined && this.#isHeld;
  }

  get #isHeld(): boolean {
    return this.stream.isSubscribed || !this.#resumes.isEmpty;
  }

  /** The topic has local subscribers. */
  subscribe(): void {
    this.stream.isSubscribed = true;
    this.#wanted();
  }

  unsubscribe(): void {
    this.stream.isSubscribed = false;
    this.#unwanted();
  }

  resume(resume: Resume): void {
    this.#resumes.add(resume);
    this.#wanted();
    this.serveLater();
  }

  /** Fails the resumes that were asked for before a time, while the topic is not live. */
  expireResumes(beforeMs: number): void {
    if (this.#resumes.waiting === 0 || this.isLive) return;
    this.#resumes.expire(beforeMs);
    this.#unwanted();
  }

  acknowledged(): void {
    if (this.#state === 'opening' || this.#state === 'stuck') this.fill();
  }

  ended(): void {
    this.#buffer.clear();
    this.#stored.settle();
    this.#owner.tails.remove(this.stream.tail);
    this.#owner.closed(this);
  }

  /** The engine cannot be used. Nothing more arrives before the interest is acknowledged again. */
  engineDown(): void {
    this.#state = 'stuck';
    this.#buffer.clear();
  }

  /** Reads what is missing, or finds out that nothing is. */
  fill(): void {
    if (this.#state === 'filling') return;
    this.#state = 'filling';
    this.#owner.wantRead(this);
  }

  readBegins(): Position | undefined {
    this.reads++;
    return this.#needsAll ? undefined : this.position;
  }

  readAnswered(read: HistoryRead): void {
    if (this.#state !== 'filling') return;
    const { position } = this;
    const hadGap = position !== undefined && (read.epoch !== position.epoch || read.top !== position.offset);
    this.heardMs = this.#owner.nowMs();
    if (position === undefined) this.stream.begin(read);
    else if (read.epoch !== position.epoch || read.first > position.offset + 1) this.stream.lose(read);
    else if (read.top < position.offset) {
      // The history was rewound. An answer that begins after the position has nothing of it.
      if (!this.#needsAll && read.entries.length === 0 && read.top > 0) {
        this.#needsAll = true;
        this.#owner.wantRead(this);
        return;
      }
      this.stream.lose(read);
    } else this.stream.catchUp(read, this.#needsAll);
    this.#stored.passed(this.position!);
    this.#needsAll = false;
    this.#state = 'live';
    if (position === undefined) this.#owner.released(this.topic);
    this.#owner.filled(this, hadGap);
    this.#applyBuffered();
    if (this.#resumes.waiting > 0) this.serveLater();
  }

  /** @param own The batch of this node that came back. */
  arrived({ epoch, first }: ArrivalHeader, entries: readonly Uint8Array[], own: OwnBatch | undefined): void {
    this.heardMs = this.#owner.nowMs();
    const arrival = { epoch: epoch!, first, entries, own };
    if (this.isLive) this.#apply(arrival);
    else if (this.#state !== 'stuck') this.#buffer.add(arrival);
  }

  /** The engine stored a batch. Its result waits until the batch comes back, if it is to come back. */
  stored(batch: OwnBatch): void {
    const { position } = this;
    const { epoch, first } = batch.stored!;
    const isExpected =
      this.stream.isSubscribed &&
      this.#state !== 'stuck' &&
      (epoch !== position?.epoch || first > position.offset);
    if (isExpected) this.#stored.add(batch);
    else settleStored(batch);
  }

  /** A batch that was stored, and that has not come back. */
  awaited(seq: number): OwnBatch | undefined {
    return this.#stored.find(seq);
  }

  /** Batches stored before a time did not come back: looks for them in the history. */
  expireAwaited(beforeMs: number): void {
    if (this.#stored.expire(beforeMs) && this.isLive) this.fill();
  }

  /** The engine's position, compared with that of this node. */
  compare(position: Position | undefined, own: Position): void {
    // Something arrived meanwhile.
    if (!this.isLive || this.position !== own) return;
    this.heardMs = this.#owner.nowMs();
    if (position?.epoch !== own.epoch || position.offset !== own.offset) this.fill();
  }

  /** Answers the resumes that can be answered now. */
  serve(): void {
    if (this.isLive) this.#resumes.serve();
  }

  serveLater(): void {
    if (this.isLive) this.#owner.serveLater(this);
  }

  readAll(): void {
    this.#needsAll = true;
  }

  resumeOver(): void {
    this.#unwanted();
  }

  #wanted(): void {
    this.#owner.wantInterest(this);
  }

  #unwanted(): void {
    if (this.#isHeld) return;
    this.#owner.releaseInterest(this);
    this.#owner.released(this.topic);
  }

  #applyBuffered(): void {
    for (const arrival of this.#buffer.take()) {
      if (this.isLive) this.#apply(arrival);
      else this.#buffer.add(arrival);
    }
  }

  #apply(arrival: Arrival): void {
    const { epoch, first, entries, own } = arrival;
    const position = this.position!;
    if (epoch !== position.epoch || first > position.offset + 1) {
      this.#buffer.add(arrival);
      this.fill();
      return;
    }
    if (own !== undefined && first === position.offset + 1) this.stream.continueOwn(epoch, first, own);
    else this.stream.continue(epoch, first, entries);
    this.#stored.passed(this.position!);
  }
}
