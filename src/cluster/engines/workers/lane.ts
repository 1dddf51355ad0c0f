import { Buffer } from 'node:buffer';
import type { Clock } from '../../../engine/clock.ts';
import { EngineError } from '../../../protocol/errors.ts';
import { Fifo } from '../../fifo.ts';
import { readRecord, type WorkerRecord } from './records.ts';

/** Most parcels, and most bytes in them, that the other side has not acknowledged. */
export const WINDOW_PARCELS = 64;
export const WINDOW_BYTES = 1_048_576;
/** Most bytes of records that wait for the window, where the lane has a limit. */
export const MAX_QUEUED_BYTES = 8_388_608;
/** A side acknowledges at the latest after this many parcels, this many bytes, or this time. */
const ACK_PARCELS = 16;
const ACK_BYTES = 262_144;
const ACK_MS = 250;
/** How often a watched lane looks at the other side. A side that is quiet gets a parcel without records. */
export const LOOK_MS = 2_500;
/** A look that comes this late says nothing about the other side: this process stood still. */
const LATE_MS = 1_000;
/** `u32` number of parcels received, `u8` whether this parcel has to be acknowledged. */
const HEAD_BYTES = 5;
const LENGTH_BYTES = 4;
const LINE_FEED = 0x0a;
const MOD = 2 ** 32;

export interface LaneSettings {
  readonly clock: Clock;
  /** Runs a function once, at the end of this turn of the event loop. */
  readonly soon: (callback: () => void) => void;
  /** Sends one IPC message. */
  readonly send: (parcel: Uint8Array) => void;
  /** A record arrived. Its body is a view of larger memory. */
  readonly received: (record: WorkerRecord) => void;
  /** More than {@link MAX_QUEUED_BYTES} wait: the queue was dropped. Default: there is no limit. */
  readonly overflowed?: (() => void) | undefined;
  /** The other side acknowledged nothing for `deadMs`. Default: the lane does not watch the other side. */
  readonly dead?: { readonly deadMs: number; readonly call: () => void } | undefined;
}

interface Waiting {
  readonly head: string;
  readonly headBytes: number;
  readonly body: readonly Uint8Array[];
  /** Of the record, with its length. */
  readonly bytes: number;
}

/**
 * One direction and back of the channel between a worker and the hub. Records of one turn leave in one IPC message, a parcel.
 * Records that the window has no room for wait.
 */
export class Lane {
  readonly #settings: LaneSettings;
  readonly #queue = new Fifo<Waiting>();
  #queuedBytes = 0;
  /** Sizes of parcels that were sent and not acknowledged. */
  readonly #sent = new Fifo<number>();
  #sentBytes = 0;
  /** Parcels that the other side has acknowledged, parcels that have arrived, and how many of these it knows of; modulo 2^32. */
  #acknowledged = 0;
  #arrived = 0;
  #told = 0;
  #arrivedBytes = 0;
  #ackTimer: unknown;
  #lookTimer: unknown;
  #progressMs: number;
  #wakes = false;
  #isOver = false;

  constructor(settings: LaneSettings) {
    this.#settings = settings;
    this.#progressMs = settings.clock.now();
    if (settings.dead !== undefined) this.#lookLater();
  }

  /** Bytes of records that wait. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /**
   * Queues a record.
   * @param head JSON, without its end of line.
   * @param body Parts in order. They must not change until the end of the turn; a record that has to wait longer is copied.
   */
  push(head: string, body: readonly Uint8Array[] = []): void {
    if (this.#isOver) return;
    const headBytes = Buffer.byteLength(head) + 1;
    let bodyBytes = 0;
    for (const part of body) bodyBytes += part.length;
    const bytes = LENGTH_BYTES + headBytes + bodyBytes;
    const { overflowed } = this.#settings;
    if (overflowed !== undefined && this.#queuedBytes + bytes > MAX_QUEUED_BYTES && this.#queue.size > 0) {
      this.clear();
      overflowed();
      return;
    }
    // A small part may be a view of a large parcel, which a waiting record would hold.
    const kept = this.#hasRoom(bytes) ? body : [Buffer.concat(body, bodyBytes)];
    this.#queue.push({ head, headBytes, body: kept, bytes });
    this.#queuedBytes += bytes;
    this.#wake();
  }

  /** Drops the records that wait. */
  clear(): void {
    this.#queue.clear();
    this.#queuedBytes = 0;
  }

  /** Reads an IPC message. @throws EngineError `ERR_ENGINE_MESSAGE` for one that no lane sent. */
  receive(parcel: Uint8Array): void {
    if (this.#isOver) return;
    const bytes = Buffer.from(parcel.buffer, parcel.byteOffset, parcel.length);
    if (bytes.length < HEAD_BYTES) throw broken('it has no head');
    this.#acknowledge(bytes.readUInt32BE(0));
    if (bytes[4] === 1) {
      this.#arrived = (this.#arrived + 1) % MOD;
      this.#arrivedBytes += bytes.length;
    } else if (bytes[4] !== 0 || bytes.length > HEAD_BYTES) throw broken('its head is invalid');
    for (let at = HEAD_BYTES; at < bytes.length; ) {
      if (at + LENGTH_BYTES > bytes.length) throw broken('it ends inside a length');
      const end = at + LENGTH_BYTES + bytes.readUInt32BE(at);
      if (end > bytes.length) throw broken('it ends inside a record');
      this.#settings.received(readRecord(bytes.subarray(at + LENGTH_BYTES, end)));
      at = end;
    }
    if (this.#queue.size > 0 || this.#owesMuch()) this.#wake();
    else if (this.#arrived !== this.#told)
      this.#ackTimer ??= this.#settings.clock.setTimer(() => {
        this.#ackTimer = undefined;
        if (this.#arrived !== this.#told) this.#send(HEAD_BYTES, 0);
      }, ACK_MS);
  }

  end(): void {
    this.#isOver = true;
    this.clear();
    this.#settings.clock.clearTimer(this.#ackTimer);
    this.#settings.clock.clearTimer(this.#lookTimer);
  }

  #acknowledge(count: number): void {
    let news = (count - this.#acknowledged + MOD) % MOD;
    if (news === 0) return;
    if (news > this.#sent.size) throw broken(`it acknowledges ${news} parcels of ${this.#sent.size}`);
    this.#acknowledged = count;
    this.#progressMs = this.#settings.clock.now();
    for (; news > 0; news--) this.#sentBytes -= this.#sent.shift()!;
  }

  #owesMuch(): boolean {
    return (this.#arrived - this.#told + MOD) % MOD >= ACK_PARCELS || this.#arrivedBytes >= ACK_BYTES;
  }

  /** Whether a record of this size, behind those that wait, leaves at the end of this turn. One that is larger than the window leaves alone. */
  #hasRoom(bytes: number): boolean {
    const { size } = this.#sent;
    if (size === 0 && this.#queue.size === 0) return true;
    const total = this.#sentBytes + HEAD_BYTES + this.#queuedBytes + bytes;
    return size < WINDOW_PARCELS && total <= WINDOW_BYTES;
  }

  #wake(): void {
    if (this.#wakes) return;
    this.#wakes = true;
    this.#settings.soon(() => {
      this.#wakes = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#isOver) return;
    while (this.#queue.size > 0 && this.#sent.size < WINDOW_PARCELS) {
      const room = WINDOW_BYTES - this.#sentBytes;
      let [bytes, count] = [HEAD_BYTES, 0];
      for (; count < this.#queue.size; count++) {
        const next = this.#queue.at(count)!.bytes;
        if (bytes + next > room && (count > 0 || this.#sent.size > 0)) break;
        bytes += next;
      }
      if (count === 0) break;
      this.#send(bytes, count);
    }
    if (this.#owesMuch()) this.#send(HEAD_BYTES, 0);
  }

  /** @param count Of records; 0 for a parcel that only acknowledges. */
  #send(size: number, count: number, hasToCount = count > 0): void {
    const parcel = Buffer.allocUnsafeSlow(size);
    parcel.writeUInt32BE(this.#arrived, 0);
    parcel[4] = hasToCount ? 1 : 0;
    this.#told = this.#arrived;
    this.#arrivedBytes = 0;
    let at = HEAD_BYTES;
    for (let i = 0; i < count; i++) {
      const { head, headBytes, body, bytes } = this.#queue.shift()!;
      this.#queuedBytes -= bytes;
      at = parcel.writeUInt32BE(bytes - LENGTH_BYTES, at);
      parcel.write(head, at);
      at += headBytes;
      parcel[at - 1] = LINE_FEED;
      for (const part of body) {
        parcel.set(part, at);
        at += part.length;
      }
    }
    if (hasToCount) {
      if (this.#sent.size === 0) this.#progressMs = this.#settings.clock.now();
      this.#sent.push(size);
      this.#sentBytes += size;
    }
    this.#settings.send(parcel);
  }

  #lookLater(): void {
    const { clock } = this.#settings;
    const dueMs = clock.now() + LOOK_MS;
    this.#lookTimer = clock.setTimer(() => {
      this.#lookLater();
      this.#look(clock.now(), dueMs);
    }, LOOK_MS);
  }

  #look(nowMs: number, dueMs: number): void {
    const { deadMs, call } = this.#settings.dead!;
    if (nowMs - dueMs >= LATE_MS) this.#progressMs = nowMs;
    if (this.#sent.size > 0) {
      if (nowMs - this.#progressMs >= deadMs) call();
    } else if (this.#queue.size > 0) this.#flush();
    else this.#send(HEAD_BYTES, 0, true);
  }
}

const broken = (what: string): EngineError =>
  new EngineError('ERR_ENGINE_MESSAGE', `a parcel of a worker: ${what}`);
