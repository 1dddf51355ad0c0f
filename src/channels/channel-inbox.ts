import { Buffer } from 'node:buffer';
import type { Message } from '../protocol/payload.ts';
import { decodeIfUtf8 } from '../protocol/utf8-decoder.ts';
import { brokenRule, type ChannelFrame, FRAME_COST } from './channel-frame.ts';

/** Places for messages that are larger than a window; the channels of one connection share them. */
export interface LargePlaces {
  /** @returns False if no place is free. `freed` is then called when it is worth another try. */
  take(freed: () => void): boolean;
  release(): void;
}

/** A message that was delivered or waits for it, and what it still costs. */
interface Charge {
  readonly cost: number;
  readonly isLarge: boolean;
}

/**
 * The received half of a channel: joins the pieces of a message, and counts credit. Holds at most one window, plus one
 * message of `maxBytes` if it has one of the {@link LargePlaces}.
 */
export class ChannelInbox {
  readonly #windowBytes: number;
  readonly #maxBytes: number;
  readonly #places: LargePlaces;
  /** Credit that the peer has left. */
  #allowance: number;
  /** Credit to give back. */
  #owed = 0;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #isText = false;
  /** Cost of the pieces that was not given back. */
  #cost = 0;
  #isLarge = false;
  #charges: Charge[] = [];

  constructor(windowBytes: number, maxBytes: number, places: LargePlaces) {
    this.#windowBytes = windowBytes;
    this.#maxBytes = maxBytes;
    this.#places = places;
    this.#allowance = windowBytes;
  }

  /** The message in progress is larger than a channel accepts. */
  get isTooBig(): boolean {
    return this.#bytes > this.#maxBytes;
  }

  /**
   * Takes one data frame.
   * @param isWanted False drops the payload and counts its credit only.
   * @returns The message that it completes.
   * @throws PeerError `ERR_CHANNEL` if the peer has no credit for it, or broke another rule.
   */
  receive(frame: ChannelFrame, isWanted: boolean): Message | undefined {
    const { payload, isText, isLast } = frame;
    const cost = payload.length + FRAME_COST;
    this.#allowance -= cost;
    if (this.#allowance < 0)
      throw brokenRule(
        `channel ${frame.id} has no credit for ${payload.length} bytes: ${-this.#allowance} are missing`,
      );
    if (!isWanted) return undefined;
    if (this.#pieces.length > 0 && isText !== this.#isText)
      throw brokenRule(`a message of channel ${frame.id} is text and binary`);
    this.#isText = isText;
    this.#bytes += payload.length;
    this.#cost += cost;
    if (this.isTooBig) return undefined;
    if (!isLast) {
      this.#pieces.push(payload);
      return undefined;
    }
    const bytes = this.#pieces.length === 0 ? payload : Buffer.concat([...this.#pieces, payload]);
    this.#charges.push({ cost: this.#cost, isLarge: this.#isLarge });
    this.#isLarge = false;
    this.#forget();
    if (!isText) return bytes;
    const text = decodeIfUtf8(bytes, 0, bytes.length);
    if (text === undefined) throw brokenRule(`text of channel ${frame.id} is not UTF-8`);
    return text;
  }

  /**
   * Counts what was delivered since the last call.
   * @param waiting Number of complete messages that are not delivered.
   * @param retry Called when a place for a large message may be free.
   * @returns Credit to grant now; 0 for none.
   */
  settle(waiting: number, retry: () => void): number {
    while (this.#charges.length > waiting) {
      const { cost, isLarge } = this.#charges.shift()!;
      this.#owed += cost;
      if (isLarge) this.#places.release();
    }
    const half = this.#windowBytes / 2;
    // The message cannot be completed within the window. Nothing else is held here, so one message at most is beyond it.
    if (this.#cost >= half && waiting === 0 && (this.#isLarge || this.#places.take(retry))) {
      this.#isLarge = true;
      this.#owed += this.#cost;
      this.#cost = 0;
    }
    if (this.#owed < half) return 0;
    const credit = this.#owed;
    this.#owed = 0;
    this.#allowance += credit;
    return credit;
  }

  /** Drops the message in progress, and gives back the places: nothing more is delivered, or the channel is over. */
  stop(): void {
    this.#forget();
    if (this.#isLarge) this.#places.release();
    this.#isLarge = false;
    for (const { isLarge } of this.#charges) if (isLarge) this.#places.release();
    this.#charges = [];
  }

  /** Drops the message in progress; complete ones are still delivered. */
  dropUnfinished(): void {
    this.#forget();
    if (this.#isLarge) this.#places.release();
    this.#isLarge = false;
  }

  #forget(): void {
    this.#pieces = [];
    this.#bytes = 0;
    this.#cost = 0;
  }
}
