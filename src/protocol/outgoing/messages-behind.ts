import { Buffer } from 'node:buffer';
import { ENTRY_BYTES } from '../limits.ts';
import type { PreparedMessage } from './prepared-message.ts';

/** A message that waits, with its size in bytes. */
type MessageBehind =
  | { readonly prepared: PreparedMessage; readonly bytes: number }
  | {
      readonly opcode: number;
      readonly data: string | Uint8Array;
      readonly compress: boolean | undefined;
      readonly bytes: number;
    };

/** The outbox of the connection. */
interface MessageTarget {
  text(text: string, compress?: boolean): void;
  data(opcode: number, payload: Uint8Array, compress?: boolean): void;
  prepared(message: PreparedMessage): void;
}

/** The messages that wait behind a message in fragments (§5.4), in order. Exists while that message is not complete. */
export class MessagesBehind {
  /** Bytes of the messages plus `ENTRY_BYTES` each. */
  countedBytes = 0;
  readonly #messages: MessageBehind[] = [];

  /** @param data Bytes are copied. */
  push(opcode: number, data: string | Uint8Array, compress: boolean | undefined): void {
    const own = typeof data === 'string' ? data : Buffer.from(data);
    this.#add({ opcode, data: own, compress, bytes: Buffer.byteLength(data) });
  }

  pushPrepared(prepared: PreparedMessage): void {
    this.#add({ prepared, bytes: prepared.frame.length });
  }

  /**
   * Drops the oldest message.
   * @returns Its size in bytes and `ENTRY_BYTES`; 0 if there is none.
   */
  dropOldest(): number {
    const oldest = this.#messages.shift();
    if (oldest === undefined) return 0;
    this.countedBytes -= oldest.bytes + ENTRY_BYTES;
    return oldest.bytes + ENTRY_BYTES;
  }

  /** Drops all messages. @returns Their number. */
  drop(): number {
    this.countedBytes = 0;
    return this.#messages.splice(0).length;
  }

  /** Passes the messages on: the message in fragments is complete. */
  passTo(outbox: MessageTarget): void {
    for (const message of this.#messages) {
      if ('prepared' in message) outbox.prepared(message.prepared);
      else if (typeof message.data === 'string') outbox.text(message.data, message.compress);
      else outbox.data(message.opcode, message.data, message.compress);
    }
    this.drop();
  }

  #add(message: MessageBehind): void {
    this.#messages.push(message);
    this.countedBytes += message.bytes + ENTRY_BYTES;
  }
}
