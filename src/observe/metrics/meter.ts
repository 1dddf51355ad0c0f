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
const NOT_MEASURED = -1;

/** The bounds of sizes are 64 bytes times powers of 4, so counting leading zeros finds the bucket without a search. */
const bucketOf = (bytes: number): number => (bytes === 0 ? 0 : (33 - Math.clz32((bytes - 1) >>> 6)) >>> 1);

/** Messages of one direction. */
class Direction {
  text = 0;
  binary = 0;
  readonly #sizes = new Float64Array(MAX_SIZE_BUCKETS);
  #sum = 0;

  add(bytes: number, isText: boolean, messages: number): void {
    if (isText) this.text += messages;
    else this.binary += messages;
    this.#sizes[bucketOf(bytes)]! += messages;
    this.#sum += bytes * messages;
  }

  read(): HistogramCounts {
    return cumulative(bucketsOf('message_bytes'), this.#sizes, this.#sum);
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
    this.#received.add(bytes, isText, 1);
  }

  sent(bytes: number, isText: boolean): void {
    this.#sent.add(bytes, isText, 1);
  }

  now(): number {
    return this.#clock.now();
  }

  broadcast(bytes: number, isText: boolean, recipients: number, startedMs: number): void {
    this.#sent.add(bytes, isText, recipients);
    this.#recipients.add(recipients);
    this.#broadcast.add((this.#clock.now() - startedMs) / MS_PER_SECOND);
  }

  /** The distance to the next measured message is random: a fixed one would be biased for traffic with that period. */
  started(): number {
    if (--this.#skip > 0) return NOT_MEASURED;
    this.#skip = 1 + Math.floor(this.#random.fraction() * (2 * this.#oneIn - 1));
    return this.#clock.now();
  }

  ended(token: number): void {
    this.#handler.add((this.#clock.now() - token) / MS_PER_SECOND);
  }

  read(): MeterCounts {
    const received = this.#received;
    const sent = this.#sent;
    return {
      byKind: {
        received: { text: received.text, binary: received.binary },
        sent: { text: sent.text, binary: sent.binary },
      },
      bytes: { received: received.read(), sent: sent.read() },
      handlerSeconds: this.#handler.read(),
      broadcastRecipients: this.#recipients.read(),
      broadcastSeconds: this.#broadcast.read(),
    };
  }
}
