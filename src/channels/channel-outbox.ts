import { Buffer } from 'node:buffer';
import { ENTRY_BYTES } from '../protocol/limits.ts';
import { dataFrame, FRAME_COST, MAX_NUMBER, MAX_PIECE_BYTES, brokenRule } from './channel-frame.ts';

interface QueuedMessage {
  /** The bytes that were not sent. */
  rest: Uint8Array;
  readonly isText: boolean;
  /** The queue owns the memory of `rest`. */
  isOwn: boolean;
}

/** Messages of one channel that wait for credit, or for the turn of the channel. */
export class ChannelOutbox {
  /** Bytes of the waiting messages, plus {@link ENTRY_BYTES} each. */
  bufferedBytes = 0;
  #credit = 0;
  #messages: QueuedMessage[] = [];
  #next = 0;

  /** Number of messages that are not sent completely. */
  get size(): number {
    return this.#messages.length - this.#next;
  }

  /** The first message can be sent, at least in part. */
  get canSend(): boolean {
    const first = this.#messages[this.#next];
    return first !== undefined && this.#credit >= FRAME_COST + (first.rest.length > 0 ? 1 : 0);
  }

  /** @throws PeerError `ERR_CHANNEL` if the sum is too large. */
  grant(credit: number): void {
    this.#credit += credit;
    if (this.#credit > MAX_NUMBER) throw brokenRule(`the credit of a channel exceeds ${MAX_NUMBER} bytes`);
  }

  push(message: Uint8Array, isText: boolean, isOwn: boolean): void {
    this.#messages.push({ rest: message, isText, isOwn });
    this.bufferedBytes += message.length + ENTRY_BYTES;
  }

  /** Copies the last message, unless it was sent: the application may reuse its memory after `send` has returned. */
  keepLast(): void {
    const last = this.#messages.at(-1);
    if (this.size === 0 || last === undefined || last.isOwn) return;
    last.rest = Buffer.from(last.rest);
    last.isOwn = true;
  }

  /** Builds the next frame; only while {@link canSend}. */
  takeFrame(id: number): Buffer {
    const first = this.#messages[this.#next]!;
    const bytes = Math.min(first.rest.length, MAX_PIECE_BYTES, this.#credit - FRAME_COST);
    const isLast = bytes === first.rest.length;
    const frame = dataFrame(id, first.rest.subarray(0, bytes), first.isText, isLast);
    this.#credit -= bytes + FRAME_COST;
    this.bufferedBytes -= bytes;
    if (isLast) this.#shift();
    else first.rest = first.rest.subarray(bytes);
    return frame;
  }

  /** Drops everything. @returns Number of dropped messages. */
  drop(): number {
    const dropped = this.size;
    this.#messages = [];
    this.#next = 0;
    this.bufferedBytes = 0;
    return dropped;
  }

  #shift(): void {
    this.bufferedBytes -= ENTRY_BYTES;
    this.#messages[this.#next++]!.rest = NOTHING;
    if (this.#next === this.#messages.length || (this.#next > 64 && this.#next * 2 > this.#messages.length)) {
      this.#messages = this.#messages.slice(this.#next);
      this.#next = 0;
    }
  }
}

const NOTHING = new Uint8Array(0);
