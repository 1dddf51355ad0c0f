import type { Delivery } from '../connection/owner.ts';
import type { Position } from '../server/groups/topic.ts';
import type { TopicMessage } from '../server/groups/topic-node.ts';
import type { ArrivalHeader, Channel, HistoryRead } from './engine.ts';
import type { DecodedEntry } from './envelope.ts';
import type { Interested } from './interest.ts';
import type { OwnBatch } from './publish-queue.ts';
import type { Reader } from './reads.ts';
import type { RecoveryBudget, Resumable, Resume } from './recovery.ts';
import type { ResolvedHistoryRule } from './rules.ts';
import { type Missed, SharedMessage, Tail, type TailMemory } from './tail.ts';

/** Limits of arrivals that are kept during a read. What is beyond them is found as a gap later. */
const MAX_BUFFERED_MESSAGES = 1_000;
const MAX_BUFFERED_BYTES = 1_048_576;

/**
 * - `opening`: interest is requested.
 * - `filling`: one read is in flight; arrivals are buffered.
 * - `live`: local subscribers have everything up to the position.
 * - `idle`: live, without subscribers; ends with the interest.
 * - `stuck`: the engine cannot be used; subscribers keep their position.
 */
export type LogState = 'opening' | 'filling' | 'live' | 'idle' | 'stuck';

interface Arrival {
  readonly epoch: string;
  readonly first: number;
  readonly entries: readonly Uint8Array[];
  /** The batch of this node that came back. */
  readonly own: OwnBatch | undefined;
}

/** The node that the log belongs to. */
export interface TopicLogOwner {
  readonly tails: TailMemory;
  readonly recovery: RecoveryBudget;
  nowMs(): number;
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
  /** Reads an entry. @returns `undefined` for an invalid one, which was reported. */
  decode(entry: Uint8Array): DecodedEntry | undefined;
  deliver(topic: string, messages: readonly TopicMessage[]): Delivery;
  lost(topic: string, position: Position): void;
}

/**
 * One topic with history on this node: its position, its tail, and who waits to resume it. Everything that the engine delivers
 * or answers passes through it, and leaves it in order and without a gap, or after `lost`.
 */
export class TopicLog implements Interested, Reader, Resumable {
  readonly topic: string;
  readonly rule: ResolvedHistoryRule;
  readonly channel: Channel;
  /** Of the last message that was delivered; `undefined` before the first read. */
  position: Position | undefined = undefined;
  /** When something arrived, or the position was compared. */
  heardMs: number;
  readonly #owner: TopicLogOwner;
  readonly #tail: Tail;
  #state: Exclude<LogState, 'idle'>;
  #isSubscribed = false;
  #resumes: Resume[] = [];
  /** Resumes that wait for room in the recovery budget. */
  #queued = 0;
  #reads = 0;
  #needsAll = false;
  #buffered: Arrival[] = [];
  #bufferedMessages = 0;
  #bufferedBytes = 0;
  /** Batches that the engine has stored, and that have not come back. */
  #awaited: OwnBatch[] = [];
  /** The last answer to a resume: in a storm, most clients have the same position. */
  #missed: (Missed & { readonly from: number }) | undefined;

  /** @param isOnline Whether the engine can be used. */
  constructor(topic: string, rule: ResolvedHistoryRule, owner: TopicLogOwner, isOnline: boolean) {
    this.topic = topic;
    this.rule = rule;
    this.channel = { kind: 'messages', topic };
    this.#owner = owner;
    this.#tail = new Tail(rule, owner.tails, () => this.#resumes.length > 0);
    this.#state = isOnline ? 'opening' : 'stuck';
    this.heardMs = owner.nowMs();
  }

  get state(): LogState {
    return this.#state === 'live' && !this.#isHeld ? 'idle' : this.#state;
  }

  /** Messages of the topic wait: its first subscribers have no position yet, and would miss them. */
  get holdsPublishes(): boolean {
    return this.position === undefined && this.#isHeld;
  }

  get #isHeld(): boolean {
    return this.#isSubscribed || this.#resumes.length > 0 || this.#queued > 0;
  }

  /** The topic has local subscribers. */
  subscribe(): void {
    this.#isSubscribed = true;
    this.#wanted();
  }

  unsubscribe(): void {
    this.#isSubscribed = false;
    this.#unwanted();
  }

  resume(resume: Resume): void {
    this.#resumes.push(resume);
    this.#wanted();
    if (this.#state === 'live') this.#owner.serveLater(this);
  }

  /** Fails the resumes that were asked for before a time, while the topic is not live. */
  expireResumes(beforeMs: number): void {
    if (this.#resumes.length === 0 || this.#state === 'live') return;
    this.#resumes = this.#resumes.filter((resume) => {
      if (!resume.isOver && resume.askedMs > beforeMs) return true;
      resume.failed('unavailable', undefined);
      return false;
    });
    this.#unwanted();
  }

  acknowledged(): void {
    if (this.#state === 'opening' || this.#state === 'stuck') this.fill();
  }

  ended(): void {
    this.#dropBuffered();
    for (const batch of this.#awaited) settleStored(batch);
    this.#awaited = [];
    this.#owner.tails.remove(this.#tail);
    this.#owner.closed(this);
  }

  /** The engine cannot be used. Nothing more arrives before the interest is acknowledged again. */
  engineDown(): void {
    this.#state = 'stuck';
    this.#dropBuffered();
  }

  /** Reads what is missing, or finds out that nothing is. */
  fill(): void {
    if (this.#state === 'filling') return;
    this.#state = 'filling';
    this.#owner.wantRead(this);
  }

  readBegins(): Position | undefined {
    this.#reads++;
    return this.#needsAll ? undefined : this.position;
  }

  readAnswered(read: HistoryRead): void {
    if (this.#state !== 'filling') return;
    const { position } = this;
    const hadGap = position !== undefined && (read.epoch !== position.epoch || read.top !== position.offset);
    this.heardMs = this.#owner.nowMs();
    if (position === undefined) this.#begin(read, read.top);
    else if (read.epoch !== position.epoch || read.first > position.offset + 1) this.#lose(read);
    else if (read.top < position.offset) {
      // The history was rewound. An answer that begins after the position has nothing of it.
      if (!this.#needsAll && read.entries.length === 0 && read.top > 0) {
        this.#needsAll = true;
        this.#owner.wantRead(this);
        return;
      }
      this.#lose(read);
    } else this.#catchUp(read, position.offset);
    this.#needsAll = false;
    this.#state = 'live';
    if (position === undefined) this.#owner.released(this.topic);
    this.#owner.filled(this, hadGap);
    this.#applyBuffered();
    if (this.#resumes.length > 0) this.#owner.serveLater(this);
  }

  /** @param own The batch of this node that came back. */
  arrived({ epoch, first }: ArrivalHeader, entries: readonly Uint8Array[], own: OwnBatch | undefined): void {
    this.heardMs = this.#owner.nowMs();
    const arrival = { epoch: epoch!, first, entries, own };
    if (this.#state === 'live') this.#apply(arrival);
    else if (this.#state !== 'stuck') this.#buffer(arrival);
  }

  /** The engine stored a batch. Its result waits until the batch comes back, if it is to come back. */
  stored(batch: OwnBatch): void {
    const { position } = this;
    const { epoch, first } = batch.stored!;
    const isExpected =
      this.#isSubscribed && this.#state !== 'stuck' && (epoch !== position?.epoch || first > position.offset);
    if (isExpected) this.#awaited.push(batch);
    else settleStored(batch);
  }

  awaited(seq: number): OwnBatch | undefined {
    return this.#awaited.find((batch) => batch.seq === seq);
  }

  /** Batches stored before a time did not come back: looks for them in the history. */
  expireAwaited(beforeMs: number): void {
    if (!(this.#awaited[0] !== undefined && this.#awaited[0].stored!.atMs <= beforeMs)) return;
    for (const batch of this.#awaited) settleStored(batch);
    this.#awaited = [];
    if (this.#state === 'live') this.fill();
  }

  /** The engine's position, compared with that of this node. */
  compare(position: Position | undefined, own: Position): void {
    // Something arrived meanwhile.
    if (this.#state !== 'live' || this.position !== own) return;
    this.heardMs = this.#owner.nowMs();
    if (position?.epoch !== own.epoch || position.offset !== own.offset) this.fill();
  }

  /** Answers the resumes that can be answered now. */
  serve(): void {
    if (this.#state !== 'live') return;
    const resumes = this.#resumes;
    this.#resumes = [];
    for (const resume of resumes) {
      if (resume.isOver) continue;
      if (!this.#owner.recovery.isFree || !this.answer(resume)) {
        this.#queued++;
        resume.decidingRead = 0;
        this.#owner.recovery.queue(this, resume);
      }
    }
    if (this.#queued === 0) this.#missed = undefined;
    if (this.#resumes.length > 0) this.fill();
    this.#unwanted();
  }

  answer(resume: Resume): boolean {
    if (this.#state !== 'live') {
      this.#resumes.push(resume);
      return true;
    }
    const { since } = resume;
    const current = this.position!;
    if (since === undefined) {
      resume.resumed({ recovered: false, position: current, missed: [] }, () => {});
      return true;
    }
    const { after, isWhole } = this.#tail;
    const isSame = since.epoch === current.epoch;
    const recovered = isSame && since.offset >= after && since.offset <= current.offset;
    if (!recovered) {
      const wasRead = resume.decidingRead > 0 && this.#reads >= resume.decidingRead;
      // A client may be ahead of this node. A position before the whole history cannot be found by a read.
      if (!wasRead && (!isWhole || !isSame || since.offset > current.offset)) {
        resume.decidingRead = this.#reads + 1;
        this.#needsAll ||= !isWhole;
        this.#resumes.push(resume);
        if (this.#state === 'live') this.#owner.serveLater(this);
        return true;
      }
    }
    const from = recovered ? since.offset : after;
    const missed = this.#missedSince(from);
    const sent = this.#owner.recovery.take(missed.bytes);
    if (sent === undefined) return false;
    resume.resumed(
      { recovered, position: { epoch: current.epoch, offset: from }, missed: missed.messages },
      sent,
    );
    return true;
  }

  over(_resume: Resume): void {
    this.#queued--;
    if (this.#queued === 0) this.#missed = undefined;
    this.#unwanted();
  }

  #missedSince(from: number): Missed {
    if (this.#missed?.from !== from) this.#missed = { from, ...this.#tail.since(from) };
    return this.#missed;
  }

  #wanted(): void {
    this.#owner.wantInterest(this);
  }

  #unwanted(): void {
    if (this.#isHeld) return;
    this.#owner.releaseInterest(this);
    this.#owner.released(this.topic);
  }

  /** Takes over a history without delivering it. */
  #begin(read: HistoryRead, offset: number): void {
    this.#tail.reset(read.first - 1, true);
    this.position = { epoch: read.epoch, offset: read.first - 1 };
    this.#append(read.epoch, read.first, read.entries, offset);
    this.position = { epoch: read.epoch, offset };
  }

  /** The messages between the position and the answer are gone, or the epoch is another one. */
  #lose(read: HistoryRead): void {
    const position = { epoch: read.epoch, offset: read.first - 1 };
    this.#tail.reset(position.offset, true);
    this.position = position;
    if (this.#isSubscribed) this.#owner.lost(this.topic, position);
    this.#append(read.epoch, read.first, read.entries, position.offset);
  }

  /** The answer continues the position, or contains it. */
  #catchUp(read: HistoryRead, offset: number): void {
    // What was read of the whole history becomes the tail; messages up to `offset` were delivered before.
    if (this.#needsAll) {
      this.#tail.reset(read.first - 1, true);
      this.#append(read.epoch, read.first, read.entries, offset);
    } else this.#append(read.epoch, offset + 1, read.entries.slice(offset + 1 - read.first), offset);
  }

  #applyBuffered(): void {
    const arrivals = this.#buffered;
    this.#dropBuffered();
    for (const arrival of arrivals) {
      if (this.#state === 'live') this.#apply(arrival);
      else this.#buffer(arrival);
    }
  }

  #apply(arrival: Arrival): void {
    const { epoch, first, entries, own } = arrival;
    const position = this.position!;
    if (epoch !== position.epoch || first > position.offset + 1) {
      this.#buffer(arrival);
      this.fill();
    } else if (own !== undefined && first === position.offset + 1) this.#applyOwn(epoch, first, own);
    else
      this.#append(epoch, position.offset + 1, entries.slice(position.offset + 1 - first), position.offset);
  }

  /** Delivers a batch of this node one message at a time, to count the recipients of each. */
  #applyOwn(epoch: string, first: number, own: OwnBatch): void {
    const nowMs = this.#owner.nowMs();
    let offset = first;
    for (const pending of own.messages) {
      const position = { epoch, offset: offset++ };
      const { message, except, publisher } = pending;
      const shared = new SharedMessage(this.topic, message, position, except, publisher);
      this.#advance(shared, position, nowMs);
      pending.delivery = this.#isSubscribed ? this.#owner.deliver(this.topic, [shared]) : NO_DELIVERY;
      shared.publisher = undefined;
      pending.published(position);
    }
    this.#settleAwaited();
    this.#owner.tails.limit();
  }

  /** Appends messages to the tail, and delivers those after `delivered`. */
  #append(epoch: string, first: number, entries: readonly Uint8Array[], delivered: number): void {
    if (entries.length === 0) return;
    const nowMs = this.#owner.nowMs();
    const messages: TopicMessage[] = [];
    let offset = first;
    for (const entry of entries) {
      const position = { epoch, offset: offset++ };
      const decoded = this.#owner.decode(entry);
      if (decoded === undefined) this.#skip(position);
      else {
        const { message, except } = decoded;
        const shared = new SharedMessage(this.topic, message, position, except, undefined);
        this.#advance(shared, position, nowMs);
        if (position.offset > delivered) messages.push(shared);
      }
    }
    if (messages.length > 0 && this.#isSubscribed) this.#owner.deliver(this.topic, messages);
    this.#settleAwaited();
    this.#owner.tails.limit();
  }

  #advance(message: TopicMessage, position: Position, nowMs: number): void {
    this.#tail.append(message, nowMs);
    this.position = position;
    this.#missed = undefined;
  }

  #skip(position: Position): void {
    this.#tail.skip(position.offset);
    this.position = position;
  }

  #buffer(arrival: Arrival): void {
    const { entries } = arrival;
    let bytes = 0;
    for (const { length } of entries) bytes += length;
    if (
      this.#bufferedMessages + entries.length > MAX_BUFFERED_MESSAGES ||
      this.#bufferedBytes + bytes > MAX_BUFFERED_BYTES
    )
      return;
    this.#buffered.push(arrival);
    this.#bufferedMessages += entries.length;
    this.#bufferedBytes += bytes;
  }

  #dropBuffered(): void {
    this.#buffered = [];
    this.#bufferedMessages = 0;
    this.#bufferedBytes = 0;
  }

  /** Settles the stored batches that the position has passed. */
  #settleAwaited(): void {
    if (this.#awaited.length === 0) return;
    const { epoch, offset } = this.position!;
    this.#awaited = this.#awaited.filter((batch) => {
      if (batch.stored!.epoch === epoch && batch.stored!.first > offset) return true;
      settleStored(batch);
      return false;
    });
  }
}

function settleStored({ messages, stored }: OwnBatch): void {
  const { epoch, first } = stored!;
  messages.forEach((message, at) => message.published({ epoch, offset: first + at }));
}

const NO_DELIVERY: Delivery = Object.freeze({ sent: 0, skipped: 0, failed: 0 });
