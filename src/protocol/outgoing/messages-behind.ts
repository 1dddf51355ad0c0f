import { Buffer } from 'node:buffer';
import { ENTRY_BYTES } from '../limits.ts';
import type { PreparedMessage } from './prepared-message.ts';

/** A message that waits, with its size in bytes, and what its key counts in addition. */
type MessageBehind = { readonly bytes: number; readonly keyBytes: number } & (
  | { readonly prepared: PreparedMessage }
  | {
      readonly opcode: number;
      readonly data: string | Uint8Array;
      readonly compress: boolean | undefined;
    }
);

/** The outbox of the connection. */
interface MessageTarget {
  text(text: string, compress?: boolean): void;
  data(opcode: number, payload: Uint8Array, compress?: boolean): void;
  prepared(message: PreparedMessage): void;
}

/** Returned where no queued message has the key. */
export const NOT_QUEUED = -1;

const countedOf = ({ bytes, keyBytes }: MessageBehind): number => bytes + keyBytes + ENTRY_BYTES;

/**
 * Messages that are queued before they are encoded, in order: behind a message in fragments (§5.4) while that is not
 * complete, or while the wire is blocked and the newest message of a key is enough. A message replaces the queued one of
 * the same key and takes its place.
 */
export class MessagesBehind {
  /** Bytes of the messages and keys, plus `ENTRY_BYTES` per message. */
  countedBytes = 0;
  /** True if the messages may be passed on at any time; false behind a message in fragments. */
  readonly isHeld: boolean;
  /** A Map keeps the place of a key whose value changes. Messages without a key have a number. */
  readonly #messages = new Map<string | number, MessageBehind>();
  /** Kept between calls: a new iterator would step over all messages deleted at the front of the Map. */
  #front = this.#messages.entries();
  #nextNumber = 0;

  constructor(isHeld = false) {
    this.isHeld = isHeld;
  }

  get isEmpty(): boolean {
    return this.#messages.size === 0;
  }

  /**
   * @param data Bytes are copied.
   * @param bytes Size of the data in bytes.
   * @returns Size of the replaced message in bytes; {@link NOT_QUEUED} if there was none.
   */
  push(
    opcode: number,
    data: string | Uint8Array,
    compress: boolean | undefined,
    bytes: number,
    key?: string,
  ): number {
    const own = typeof data === 'string' ? data : Buffer.from(data);
    return this.#put(key, { opcode, data: own, compress, bytes, keyBytes: key?.length ?? 0 });
  }

  /** @returns As {@link push}. */
  pushPrepared(prepared: PreparedMessage): number {
    const { key, frame } = prepared;
    return this.#put(key, { prepared, bytes: frame.length, keyBytes: key?.length ?? 0 });
  }

  /** Size of the queued message of a key, in bytes; {@link NOT_QUEUED} if there is none. */
  bytesOf(key: string): number {
    return this.#messages.get(key)?.bytes ?? NOT_QUEUED;
  }

  /**
   * Drops the oldest message.
   * @returns Its size in bytes and `ENTRY_BYTES`; 0 if there is none.
   */
  dropOldest(): number {
    const oldest = this.#takeOldest();
    return oldest === undefined ? 0 : oldest.bytes + ENTRY_BYTES;
  }

  /** Drops all messages. @returns Their number. */
  drop(): number {
    const { size } = this.#messages;
    this.countedBytes = 0;
    this.#messages.clear();
    return size;
  }

  /**
   * Passes messages on, the oldest first.
   * @param room Stops when at least so many bytes were passed on.
   */
  passTo(outbox: MessageTarget, room = Number.POSITIVE_INFINITY): void {
    for (let left = room; left > 0; ) {
      const message = this.#takeOldest();
      if (message === undefined) return;
      left -= countedOf(message);
      if ('prepared' in message) outbox.prepared(message.prepared);
      else if (typeof message.data === 'string') outbox.text(message.data, message.compress);
      else outbox.data(message.opcode, message.data, message.compress);
    }
  }

  #put(key: string | undefined, message: MessageBehind): number {
    const replaced = key === undefined ? undefined : this.#messages.get(key);
    if (replaced !== undefined) this.countedBytes -= countedOf(replaced);
    this.#messages.set(key ?? this.#nextNumber++, message);
    this.countedBytes += countedOf(message);
    return replaced?.bytes ?? NOT_QUEUED;
  }

  /** Removes and returns the oldest message. */
  #takeOldest(): MessageBehind | undefined {
    let step = this.#front.next();
    if (step.done === true) {
      // This iterator does not return what is added from now on.
      this.#front = this.#messages.entries();
      step = this.#front.next();
      if (step.done === true) return undefined;
    }
    const [key, message] = step.value;
    this.#messages.delete(key);
    this.countedBytes -= countedOf(message);
    return message;
  }
}
