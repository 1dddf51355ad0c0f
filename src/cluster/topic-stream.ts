import type { Delivery } from '../connection/owner.ts';
import type { Position } from '../server/groups/topic.ts';
import type { TopicMessage } from '../server/groups/topic-node.ts';
import type { HistoryRead } from './engine.ts';
import type { DecodedEntry } from './envelope.ts';
import type { OwnBatch } from './publish-queue.ts';
import { SharedMessage, type Tail, type TailMemory } from './tail.ts';

/** Where the messages of a stream go. */
export interface TopicStreamOwner {
  readonly tails: TailMemory;
  nowMs(): number;
  /** Reads an entry. @returns `undefined` for an invalid one, which was reported. */
  decode(entry: Uint8Array): DecodedEntry | undefined;
  deliver(topic: string, messages: readonly TopicMessage[]): Delivery;
  lost(topic: string, position: Position): void;
}

const NO_DELIVERY: Delivery = Object.freeze({ sent: 0, skipped: 0, failed: 0 });

/**
 * The messages of one topic with history, in order: each goes to the tail, and to the local subscribers. Its caller finds the
 * gaps; the stream itself has none, or says `lost` first.
 */
export class TopicStream {
  readonly tail: Tail;
  /** Of the last message; `undefined` before the first read. */
  position: Position | undefined = undefined;
  /** Whether the topic has local subscribers. */
  isSubscribed = false;
  readonly #topic: string;
  readonly #owner: TopicStreamOwner;

  constructor(topic: string, tail: Tail, owner: TopicStreamOwner) {
    this.#topic = topic;
    this.tail = tail;
    this.#owner = owner;
  }

  /** Takes over a history without delivering it. */
  begin(read: HistoryRead): void {
    this.#reset(read);
    this.#append(read.epoch, read.first, read.entries, read.top);
    this.position = { epoch: read.epoch, offset: read.top };
  }

  /** The messages between the position and the answer are gone, or the epoch is another one. */
  lose(read: HistoryRead): void {
    const position = this.#reset(read);
    if (this.isSubscribed) this.#owner.lost(this.#topic, position);
    this.#append(read.epoch, read.first, read.entries, position.offset);
  }

  /** The answer continues the position, or contains it. @param isWhole It is the whole history, and becomes the tail. */
  catchUp(read: HistoryRead, isWhole: boolean): void {
    const { offset } = this.position!;
    if (isWhole) {
      this.tail.reset(read.first - 1, true);
      this.#append(read.epoch, read.first, read.entries, offset);
    } else this.continue(read.epoch, read.first, read.entries);
  }

  /** Delivers what follows the position. @param first Offset of the first entry, at most the one after the position. */
  continue(epoch: string, first: number, entries: readonly Uint8Array[]): void {
    const { offset } = this.position!;
    this.#append(epoch, offset + 1, entries.slice(offset + 1 - first), offset);
  }

  /** Delivers a batch of this node one message at a time, to count the recipients of each. */
  continueOwn(epoch: string, first: number, own: OwnBatch): void {
    const nowMs = this.#owner.nowMs();
    let offset = first;
    for (const pending of own.messages) {
      const position = { epoch, offset: offset++ };
      const { message, except, publisher } = pending;
      const shared = new SharedMessage(this.#topic, message, position, except, publisher);
      this.#advance(shared, position, nowMs);
      pending.delivery = this.isSubscribed ? this.#owner.deliver(this.#topic, [shared]) : NO_DELIVERY;
      shared.publisher = undefined;
      pending.published(position);
    }
    this.#owner.tails.limit();
  }

  #reset({ epoch, first }: HistoryRead): Position {
    this.tail.reset(first - 1, true);
    this.position = { epoch, offset: first - 1 };
    return this.position;
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
        const shared = new SharedMessage(this.#topic, message, position, except, undefined);
        this.#advance(shared, position, nowMs);
        if (position.offset > delivered) messages.push(shared);
      }
    }
    if (messages.length > 0 && this.isSubscribed) this.#owner.deliver(this.#topic, messages);
    this.#owner.tails.limit();
  }

  #advance(message: TopicMessage, position: Position, nowMs: number): void {
    this.tail.append(message, nowMs);
    this.position = position;
  }

  #skip(position: Position): void {
    this.tail.skip(position.offset);
    this.position = position;
  }
}
