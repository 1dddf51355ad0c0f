import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { MisuseError } from '../protocol/errors.ts';
import type { Clock } from '../engine/clock.ts';
import { connectionReset } from './reset.ts';
import { checkArgument, CLOCK } from './call-check.ts';

/** What can happen to the bytes that go one way. Each fault lasts until it is taken back; `lose` and `end` are for good. */
export interface Faults {
  /** The receiver reads nothing more: the buffers fill, then writes pend. */
  stall(): void;
  /** The receiver reads again. */
  unstall(): void;
  /** All bytes vanish from here on, those under way included, and the end of the stream with them; writes succeed. */
  lose(): void;
  /** Bytes arrive in pieces of at most `bytes` bytes, one in each turn of the event loop. `Infinity`: as they were written. */
  cutInto(bytes: number): void;
  /**
   * Each byte written from here on arrives `ms` later on `clock`, and never before one written earlier. 0: at once.
   * Bytes under way fill the buffer, as in any network. On a virtual clock, let the event loop turn between advances.
   */
  latency(ms: number, clock: Clock): void;
  /** The stream ends after what is under way, though nobody ended it: the receiver sees an end, the sender nothing. */
  end(): void;
}

/** The callback of a write. */
type Taken = (error?: Error) => void;

/** Bytes under way, or the end of the stream behind the last of them. */
interface Parcel {
  readonly bytes: Buffer | undefined;
  readonly dueMs: number;
}

/**
 * One direction of a connection in memory: takes bytes from its `sender` as far as there is room, and hands them to its
 * `receiver` in a later turn of the event loop, so neither ever runs on the stack of the other.
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

  /** Called once, before anything else. `opposite` is the direction in which a refusal would come back. */
  join(receiver: Duplex, opposite: Lane): void {
    this.#receiver = receiver;
    this.#opposite = opposite;
  }

  /** From the sender: `taken` is called once there was room for all of `bytes`, which must not change until then. */
  offer(bytes: Buffer, taken: Taken): void {
    if (this.#receiverGone && !this.#lost && !this.#opposite.#lost) {
      taken(connectionReset());
      return;
    }
    this.#offered = { bytes, taken };
    this.#take();
  }

  /** From the receiver: it has room for more. */
  want(): void {
    this.#wanted = true;
    this.#schedule();
  }

  /** From the receiver: it is closed. A system resets a connection whose bytes nobody will read (RFC 1122 §4.2.2.13). */
  leave(): void {
    const unread = this.#parcelBytes + this.#receiver.readableLength > 0 || this.#offered !== undefined;
    this.#receiverGone = true;
    this.#forget();
    if (unread) this.#opposite.reset();
    this.#take();
  }

  /** From the sender: it is closed, and what it had offered is withdrawn. */
  withdraw(): void {
    const offered = this.#offered;
    this.#offered = undefined;
    this.end();
    offered?.taken();
  }

  /** From the sender: the connection is gone at once, as far as the receiver can learn it. */
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
      throw new MisuseError('ERR_STATE', 'bytes are under way by another clock');
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

  /** Takes what is offered as far as there is room. */
  #take(): void {
    const offered = this.#offered;
    if (offered === undefined) return;
    const room = this.#swallows ? offered.bytes.length : this.#roomBytes - this.#parcelBytes;
    const part = offered.bytes.subarray(0, room);
    // A copy: the receiver may overwrite what arrives, and the sender what was taken.
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

  /** Plans the next arrival, if there can be one. */
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
    // A stream asks again after each push, once it has room.
    this.#wanted = false;
    this.#receiver.push(piece);
    this.#take();
    this.#schedule();
  }

  /** Drops what is under way. */
  #forget(): void {
    this.#parcels = [];
    this.#parcelBytes = 0;
    if (this.#timer !== undefined) this.#timer.clock.clearTimer(this.#timer.handle);
    this.#timer = undefined;
  }
}
