import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { MisuseError } from '../protocol/errors.ts';
import type { Clock } from '../engine/clock.ts';
import { connectionReset } from './reset.ts';
import { checkArgument, CLOCK } from './call-check.ts';

/** Faults of one direction of a connection. Each lasts until it is undone; `lose` and `end` are permanent. */
export interface Faults {
  /** The receiver stops reading: buffers fill, then writes stay pending. */
  stall(): void;
  /** The receiver reads again. */
  unstall(): void;
  /** Drops all bytes from now on, including those in flight, and the end of the stream. Writes succeed. */
  lose(): void;
  /** Bytes arrive in pieces of at most `bytes` bytes, one per turn of the event loop. `Infinity`: in the pieces written. */
  cutInto(bytes: number): void;
  /**
   * Bytes written from now on arrive `ms` later on `clock`, and in order. 0: at once. Bytes in flight fill the buffer, as in
   * any network. With a virtual clock, let the event loop turn between advances.
   */
  latency(ms: number, clock: Clock): void;
  /** Ends the stream after the bytes in flight. The receiver sees EOF; the sender does not notice. */
  end(): void;
}

/** The callback of a write: called when all its bytes are in the lane. */
type Taken = (error?: Error) => void;

/** Bytes in flight, or, with `undefined`, the end of the stream. */
interface Parcel {
  readonly bytes: Buffer | undefined;
  readonly dueMs: number;
}

/**
 * One direction of a connection in memory. It takes bytes from the sender while it has room, and delivers them to the
 * receiver in a later turn of the event loop. So neither side runs on the stack of the other.
 */
export class Lane implements Faults {
  #receiver!: Duplex;
  #opposite!: Lane;
  #lost = false;
  readonly #roomBytes: number;
  #parcels: Parcel[] = [];
  #parcelBytes = 0;
  #offered: { readonly bytes: Buffer; readonly taken: Taken } | undefined;
  #wanted = false;
  #ended = false;
  #receiverGone = false;
  #stalled = false;
  #cutBytes = Number.POSITIVE_INFINITY;
  #delay: { readonly ms: number; readonly clock: Clock } | undefined;
  #timer: { readonly handle: unknown; readonly clock: Clock } | undefined;
  #scheduled = false;

  constructor(roomBytes: number) {
    this.#roomBytes = roomBytes;
  }

  /** Called once, before any other method. @param opposite The other direction: it carries a reset back. */
  join(receiver: Duplex, opposite: Lane): void {
    this.#receiver = receiver;
    this.#opposite = opposite;
  }

  /** The sender writes. `taken` is called when all of `bytes` fitted; do not change them until then. */
  offer(bytes: Buffer, taken: Taken): void {
    if (this.#receiverGone && !this.#lost && !this.#opposite.#lost) {
      taken(connectionReset());
      return;
    }
    this.#offered = { bytes, taken };
    this.#take();
  }

  /** The receiver has room for more bytes. */
  want(): void {
    this.#wanted = true;
    this.#schedule();
  }

  /** The receiver has closed. Unread bytes then cause a reset, as in TCP (RFC 1122 §4.2.2.13). */
  leave(): void {
    const unread = this.#parcelBytes + this.#receiver.readableLength > 0 || this.#offered !== undefined;
    this.#receiverGone = true;
    this.#forget();
    if (unread) this.#opposite.reset();
    this.#take();
  }

  /** The sender has closed: drops its pending write. */
  withdraw(): void {
    const offered = this.#offered;
    this.#offered = undefined;
    this.end();
    offered?.taken();
  }

  /** The sender resets the connection. After `lose` the receiver does not learn it. */
  reset(): void {
    if (!this.#lost) this.#receiver.destroy(connectionReset());
  }

  stall(): void {
    this.#stalled = true;
  }

  unstall(): void {
    this.#stalled = false;
    this.#schedule();
  }

  lose(): void {
    this.#lost = true;
    this.#forget();
    this.#take();
  }

  cutInto(bytes: number): void {
    if (typeof bytes !== 'number' || !(bytes >= 1))
      throw new MisuseError('ERR_ARGUMENT', `a piece has 1 byte or more, not ${String(bytes)}`);
    this.#cutBytes = Math.floor(bytes);
  }

  latency(ms: number, clock: Clock): void {
    checkArgument('latency', 'clock', clock, CLOCK);
    if (!(Number.isFinite(ms) && ms >= 0)) {
      throw new MisuseError('ERR_ARGUMENT', `latency is a finite number of ms from 0 up, not ${String(ms)}`);
    }
    if (this.#delay !== undefined && this.#delay.clock !== clock && this.#parcels.length > 0) {
      throw new MisuseError(
        'ERR_STATE',
        'bytes are in flight on another clock; wait until they have arrived',
      );
    }
    this.#delay = { ms, clock };
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (!this.#lost && !this.#receiverGone) this.#post(undefined);
    this.#take();
  }

  get #swallows(): boolean {
    return this.#lost || this.#ended || this.#receiverGone;
  }

  /** Takes as many of the offered bytes as there is room for. */
  #take(): void {
    const offered = this.#offered;
    if (offered === undefined) return;
    const room = this.#swallows ? offered.bytes.length : this.#roomBytes - this.#parcelBytes;
    const part = offered.bytes.subarray(0, room);
    // A copy: the receiver may overwrite the delivered bytes, and the sender its own.
    if (!this.#swallows && part.length > 0) this.#post(Buffer.from(part));
    const rest = offered.bytes.subarray(room);
    this.#offered = rest.length > 0 ? { bytes: rest, taken: offered.taken } : undefined;
    if (rest.length === 0) offered.taken();
  }

  #post(bytes: Buffer | undefined): void {
    const dueMs = this.#delay === undefined ? 0 : this.#delay.clock.now() + this.#delay.ms;
    this.#parcels.push({ bytes, dueMs });
    this.#parcelBytes += bytes?.length ?? 0;
    this.#schedule();
  }

  /** Schedules the next delivery, if one is possible. */
  #schedule(): void {
    const first = this.#parcels[0];
    if (this.#scheduled || this.#stalled || !this.#wanted || first === undefined) return;
    const waitMs = this.#delay === undefined ? 0 : first.dueMs - this.#delay.clock.now();
    if (waitMs > 0 && this.#delay !== undefined) {
      const { clock } = this.#delay;
      if (this.#timer !== undefined) return;
      const due = () => {
        this.#timer = undefined;
        this.#schedule();
      };
      this.#timer = { clock, handle: clock.setTimer(due, waitMs) };
      return;
    }
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (!this.#stalled && this.#wanted) this.#arrive();
    });
  }

  #arrive(): void {
    const first = this.#parcels.shift();
    if (first === undefined) return;
    const { bytes, dueMs } = first;
    if (bytes === undefined) {
      this.#receiver.push(null);
      return;
    }
    const piece = bytes.length > this.#cutBytes ? bytes.subarray(0, this.#cutBytes) : bytes;
    if (piece.length < bytes.length) this.#parcels.unshift({ bytes: bytes.subarray(piece.length), dueMs });
    this.#parcelBytes -= piece.length;
    // The stream calls `want` again when it has room after the push.
    this.#wanted = false;
    this.#receiver.push(piece);
    this.#take();
    this.#schedule();
  }

  /** Drops the bytes in flight. */
  #forget(): void {
    this.#parcels = [];
    this.#parcelBytes = 0;
    if (this.#timer !== undefined) this.#timer.clock.clearTimer(this.#timer.handle);
    this.#timer = undefined;
  }
}
