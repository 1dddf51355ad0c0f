import type { Clock } from '../engine/clock.ts';
import type { RandomSource } from '../engine/random.ts';
import { EngineError } from '../protocol/errors.ts';
import type { Position } from '../server/groups/topic.ts';
import type { HistoryRead } from './engine.ts';
import { isName } from './envelope.ts';
import { type BackoffLimits, backoffMs } from './backoff.ts';

const MAX_READS = 64;
const RETRY: BackoffLimits = { firstMs: 100, maxMs: 2_000 };

/** A topic whose history is read. */
export interface Reader {
  readonly topic: string;
  /** The read begins. @returns After which position; `undefined` for the whole history. */
  readBegins(): Position | undefined;
  readAnswered(read: HistoryRead): void;
}

export interface ReadsOwner {
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Calls the engine. May throw. */
  read(topic: string, since: Position | undefined): Promise<HistoryRead>;
  fault(error: unknown): void;
  wake(): void;
}

/** The reads of histories: one per topic, and at most 64 at a time. */
export class Reads {
  readonly #owner: ReadsOwner;
  /** Topics that want a read, in the order of asking. */
  readonly #wanted = new Set<Reader>();
  /** Failed reads by topic, since the last one that was answered. */
  readonly #failures = new Map<Reader, number>();
  #inFlight = 0;
  /** Topics whose read is in flight, and that still want the answer. */
  readonly #reading = new Set<Reader>();
  #isOnline = false;
  #session = 0;
  /** Reads that began, since the start. */
  count = 0;

  constructor(owner: ReadsOwner) {
    this.#owner = owner;
  }

  online(): void {
    this.#isOnline = true;
    this.#session++;
    this.#inFlight = 0;
  }

  /** Reads are forgotten: every topic asks anew after the reconnect. */
  offline(): void {
    this.#isOnline = false;
    this.#wanted.clear();
    this.#reading.clear();
    this.#failures.clear();
  }

  want(reader: Reader): void {
    this.#wanted.add(reader);
    this.#owner.wake();
  }

  /** The topic is of no interest any longer. */
  forget(reader: Reader): void {
    this.#wanted.delete(reader);
    this.#reading.delete(reader);
    this.#failures.delete(reader);
  }

  flush(): void {
    for (const reader of this.#wanted) {
      if (!this.#isOnline || this.#inFlight >= MAX_READS) return;
      this.#wanted.delete(reader);
      this.#begin(reader);
    }
  }

  #begin(reader: Reader): void {
    const session = this.#session;
    const since = reader.readBegins();
    this.#inFlight++;
    this.#reading.add(reader);
    this.count++;
    let answer: Promise<HistoryRead>;
    try {
      answer = this.#owner.read(reader.topic, since);
    } catch (error) {
      answer = Promise.reject(error);
    }
    const failed = (error: unknown): void => {
      if (session !== this.#session || !this.#isOnline) return;
      this.#inFlight--;
      this.#owner.fault(error);
      if (this.#reading.delete(reader)) this.#retry(reader, session);
      this.#owner.wake();
    };
    answer.then((read) => {
      const fault = faultOf(read);
      if (fault !== undefined) return failed(fault);
      if (session !== this.#session || !this.#isOnline) return;
      this.#inFlight--;
      this.#failures.delete(reader);
      if (this.#reading.delete(reader)) reader.readAnswered(read);
      this.#owner.wake();
    }, failed);
  }

  #retry(reader: Reader, session: number): void {
    const failures = this.#failures.get(reader) ?? 0;
    this.#failures.set(reader, failures + 1);
    const { clock, random } = this.#owner;
    clock.setTimer(
      () => {
        if (session === this.#session && this.#isOnline && this.#failures.has(reader)) this.want(reader);
      },
      backoffMs(RETRY, failures, random),
    );
  }
}

/** What contradicts itself in an answer. */
function faultOf({ epoch, top, first, entries }: HistoryRead): EngineError | undefined {
  const isValid =
    isName(epoch) &&
    Number.isSafeInteger(top) &&
    top >= 0 &&
    Number.isSafeInteger(first) &&
    first >= 1 &&
    first + entries.length === top + 1;
  if (isValid) return undefined;
  return new EngineError(
    'ERR_ENGINE_MESSAGE',
    `a read of epoch ${epoch} with ${entries.length} entries from ${first} to ${top}`,
  );
}
