import type { Clock } from '../../engine/clock.ts';
import type { RandomSource } from '../../engine/random.ts';
import type { MessageMeter } from '../message-meter.ts';
import { cumulative, Histogram, type HistogramCounts } from './histogram.ts';
import { bucketsOf } from './metric-table.ts';

/** What a meter has counted, at one moment: plain data. */
export interface MeterCounts {
  readonly byKind: {
    readonly received: { readonly text: number; readonly binary: number };
    readonly sent: { readonly text: number; readonly binary: number };
  };
  /** Payload of messages in bytes, before compression. A broadcast counts once per recipient. */
  readonly bytes: { readonly received: HistogramCounts; readonly sent: HistogramCounts };
  /** Of a sample of all messages, in seconds. */
  readonly handlerSeconds: HistogramCounts;
  readonly broadcastRecipients: HistogramCounts;
  readonly broadcastSeconds: HistogramCounts;
}

const MS_PER_SECOND = 1_000;
/** More than the buckets of any size that a number can have. */
const MAX_SIZE_BUCKETS = 16;
/** Where the buckets of text begin, after those of binary messages. */
const OF_TEXT = MAX_SIZE_BUCKETS;
/** Where the sum of all sizes is. */
const SUM = 2 * MAX_SIZE_BUCKETS;
/** 8 KiB for each direction. */
const JOURNAL_ENTRIES = 1_024;

/** The bounds of sizes are 64 bytes times powers of 4, so counting leading zeros finds the bucket without a search. */
const bucketOf = (bytes: number): number => (bytes === 0 ? 0 : (33 - Math.clz32((bytes - 1) >>> 6)) >>> 1);

const total = (counts: Float64Array): number => counts.reduce((sum, count) => sum + count, 0);

/**
 * Messages of one direction. A message is one entry of a journal: so little code that V8 can inline it in the callers. The
 * counts are brought up to date when the journal is full, and before they are read.
 */
class Direction {
  /** Payload bytes of a text message. -1 minus the bytes of a binary one. */
  readonly #journal = new Float64Array(JOURNAL_ENTRIES);
  #entries = 0;
  readonly #counts = new Float64Array(SUM + 1);

  one(bytes: number, isText: boolean): void {
    this.#journal[this.#entries] = isText ? bytes : -1 - bytes;
    if (++this.#entries === JOURNAL_ENTRIES) this.#post();
  }

  many(bytes: number, isText: boolean, messages: number): void {
    const counts = this.#counts;
    counts[isText ? OF_TEXT + bucketOf(bytes) : bucketOf(bytes)]! += messages;
    counts[SUM]! += bytes * messages;
  }

  #post(): void {
    const journal = this.#journal;
    const entries = this.#entries;
    this.#entries = 0;
    for (let at = 0; at < entries; at++) {
      const entry = journal[at]!;
      if (entry < 0) this.many(-1 - entry, false, 1);
      else this.many(entry, true, 1);
    }
  }

  kinds(): { readonly text: number; readonly binary: number } {
    this.#post();
    return { text: total(this.#ofText), binary: total(this.#ofBinary) };
  }

  sizes(): HistogramCounts {
    this.#post();
    const ofText = this.#ofText;
    const both = this.#ofBinary.map((count, at) => count + ofText[at]!);
    return cumulative(bucketsOf('message_bytes'), both, this.#counts[SUM]!);
  }

  get #ofBinary(): Float64Array {
    return this.#counts.subarray(0, OF_TEXT);
  }

  get #ofText(): Float64Array {
    return this.#counts.subarray(OF_TEXT, SUM);
  }
}

/** The meter of a server with the option `metrics`. Its memory does not grow with connections or messages. */
export class Meter implements MessageMeter {
  readonly #received = new Direction();
  readonly #sent = new Direction();
  readonly #handler = new Histogram(bucketsOf('handler_seconds'));
  readonly #recipients = new Histogram(bucketsOf('broadcast_recipients'));
  readonly #broadcast = new Histogram(bucketsOf('broadcast_seconds'));
  readonly #clock: Clock;
  readonly #random: RandomSource;
  readonly #oneIn: number;
  /** Messages until the next one that is measured. */
  #skip = 1;

  /** @param handlerTimeOneIn The handling of one in so many messages is measured, on average. 1 measures each. */
  constructor(clock: Clock, random: RandomSource, handlerTimeOneIn: number) {
    this.#clock = clock;
    this.#random = random;
    this.#oneIn = handlerTimeOneIn;
  }

  received(bytes: number, isText: boolean): void {
    this.#received.one(bytes, isText);
  }

  sent(bytes: number, isText: boolean): void {
    this.#sent.one(bytes, isText);
  }

  now(): number {
    return this.#clock.now();
  }

  broadcast(bytes: number, isText: boolean, recipients: number, startedMs: number): void {
    this.#sent.many(bytes, isText, recipients);
    this.#recipients.add(recipients);
    this.#broadcast.add((this.#clock.now() - startedMs) / MS_PER_SECOND);
  }

  isNext(): boolean {
    return --this.#skip === 0 && this.#draw();
  }

  /** The distance to the next measured message is random: a fixed one would be biased for traffic with that period. */
  #draw(): true {
    this.#skip = 1 + Math.floor(this.#random.fraction() * (2 * this.#oneIn - 1));
    return true;
  }

  handled(startedMs: number): void {
    this.#handler.add((this.#clock.now() - startedMs) / MS_PER_SECOND);
  }

  read(): MeterCounts {
    const received = this.#received;
    const sent = this.#sent;
    return {
      byKind: { received: received.kinds(), sent: sent.kinds() },
      bytes: { received: received.sizes(), sent: sent.sizes() },
      handlerSeconds: this.#handler.read(),
      broadcastRecipients: this.#recipients.read(),
      broadcastSeconds: this.#broadcast.read(),
    };
  }
}
