import { ENTRY_BYTES } from '../protocol/limits.ts';
import type { PreparedMessage } from '../protocol/outgoing/prepared-message.ts';
import type { ConnectionIds } from '../server/groups/broadcast.ts';
import type { Position } from '../server/groups/topic.ts';
import type { Missed, TopicMessage } from '../server/groups/topic-node.ts';
import { Fifo } from './fifo.ts';

/** A message as all subscribers of this node share it. */
export class SharedMessage implements TopicMessage {
  readonly topic: string;
  readonly message: PreparedMessage;
  readonly position: Position | undefined;
  readonly except: ConnectionIds;
  /** Cleared after the delivery: a tail outlives connections. */
  publisher: object | undefined;
  wireFrame: PreparedMessage | undefined = undefined;

  constructor(
    topic: string,
    message: PreparedMessage,
    position: Position | undefined,
    except: ConnectionIds,
    publisher: object | undefined,
  ) {
    this.topic = topic;
    this.message = message;
    this.position = position;
    this.except = except;
    this.publisher = publisher;
  }
}

/** How many messages a tail keeps. */
export interface TailLimits {
  readonly maxMessages: number;
  readonly maxBytes: number;
}

/** What the tails of one node hold together. Over the limit, tails of the topics that were published to least recently are freed. */
export class TailMemory {
  readonly #maxBytes: number;
  readonly #tails = new Set<Tail>();
  bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  add(tail: Tail): void {
    this.#tails.add(tail);
  }

  remove(tail: Tail): void {
    tail.free();
    this.#tails.delete(tail);
  }

  /** Frees tails, an eighth of the limit at once, so that the sort is seldom. */
  limit(): void {
    if (this.bytes <= this.#maxBytes) return;
    const target = this.#maxBytes - this.#maxBytes / 8;
    for (const tail of [...this.#tails].sort((a, b) => a.appendedMs - b.appendedMs)) {
      if (this.bytes <= target) return;
      if (!tail.isNeeded()) tail.free();
    }
  }
}

/**
 * The newest messages of a topic, from which this node serves resumes. They share their memory with the frames in the queues
 * of connections. Freeing a tail costs reads, never messages.
 */
export class Tail {
  /** Time of the last message. */
  appendedMs = 0;
  /** The oldest message in it is the oldest of the history. */
  isWhole = false;
  readonly #limits: TailLimits;
  readonly #memory: TailMemory;
  readonly #messages = new Fifo<TopicMessage>();
  /** Offset before the oldest message. */
  #after = 0;
  #bytes = 0;

  /** False if it may be freed. */
  readonly isNeeded: () => boolean;

  constructor(limits: TailLimits, memory: TailMemory, isNeeded: () => boolean) {
    this.#limits = limits;
    this.#memory = memory;
    this.isNeeded = isNeeded;
    memory.add(this);
  }

  get size(): number {
    return this.#messages.size;
  }

  /** Offset of the position after which every message is in the tail. */
  get after(): number {
    return this.#after;
  }

  /** Begins anew. @param after Offset before the next message. @param isWhole Whether the history begins there, too. */
  reset(after: number, isWhole: boolean): void {
    this.free();
    this.#after = after;
    this.isWhole = isWhole;
  }

  /** Appends the message with the next offset. */
  append(message: TopicMessage, nowMs: number): void {
    const { length } = message.message.frame;
    this.#messages.push(message);
    this.#bytes += length;
    this.#memory.bytes += length + ENTRY_BYTES;
    this.appendedMs = nowMs;
    const { maxMessages, maxBytes } = this.#limits;
    while (this.#messages.size > maxMessages || this.#bytes > maxBytes) this.#dropOldest();
  }

  /** The offset `offset` passed without a message: what the engine delivered there was invalid. */
  skip(offset: number): void {
    if (this.#messages.size === 0) this.#after = offset;
  }

  /** The messages after an offset that the tail covers. */
  since(offset: number): Missed {
    let low = 0;
    let high = this.#messages.size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#messages.at(middle)!.position!.offset <= offset) low = middle + 1;
      else high = middle;
    }
    return { messages: this.#messages.from(low), plainRun: undefined, wireRun: undefined };
  }

  /** Drops all messages; later ones are appended. */
  free(): void {
    while (this.#messages.size > 0) this.#dropOldest();
    this.isWhole = false;
  }

  #dropOldest(): void {
    const { position, message } = this.#messages.shift()!;
    this.#after = position!.offset;
    this.#bytes -= message.frame.length;
    this.#memory.bytes -= message.frame.length + ENTRY_BYTES;
  }
}
