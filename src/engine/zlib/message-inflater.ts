import { Buffer } from 'node:buffer';
import { constants } from 'node:zlib';
import type { DecodedSink, MessageDecoder } from '../../protocol/extensions/extension.ts';
import { MAX_WINDOW_BITS, type DeflateDirection } from '../../protocol/deflate/parameters.ts';
import { PeerError } from '../../protocol/errors.ts';
import { closeContext, type InflateContext, InflateJob, publicContext } from './inflate-job.ts';
import { endMessage } from './message-end.ts';
import { RawZlib } from './raw-zlib.ts';
import type { ZlibPool } from './zlib-pool.ts';

/** Output of one read on the event loop, in multiples of `asyncThresholdBytes`. */
const THRESHOLDS_PER_READ = 8;
/** Memory of a context besides its window. */
const STATE_BYTES = 16 * 1024;
/** Memory of a context with the largest window. */
const CONTEXT_BYTES = 2 ** MAX_WINDOW_BITS + STATE_BYTES;

const NOTHING = Buffer.alloc(0);

/**
 * Inflates for one connection with zlib. Ordinary sizes are inflated on the event loop. A message beyond
 * `asyncThresholdBytes`, or too much output from one read, continues on the thread pool. Without context takeover it
 * holds a context only while a message is unfinished; with takeover, from the first message on.
 */
export class MessageInflater implements MessageDecoder {
  readonly #pool: ZlibPool;
  readonly #direction: DeflateDirection;
  readonly #asyncThresholdBytes: number;
  readonly #done: (error?: PeerError) => void;
  #context: InflateContext | undefined;
  #messageBytes = 0;
  #readBytes = 0;
  #job: InflateJob | undefined;

  /** @param done Called when a job on the thread pool has ended, with its error if it failed. */
  constructor(
    pool: ZlibPool,
    direction: DeflateDirection,
    asyncThresholdBytes: number,
    done: (error?: PeerError) => void,
  ) {
    this.#pool = pool;
    this.#direction = direction;
    this.#asyncThresholdBytes = asyncThresholdBytes;
    this.#done = done;
  }

  get heldBytes(): number {
    const context = this.#context === undefined || this.#direction.contextTakeover ? 0 : CONTEXT_BYTES;
    return context + (this.#job?.inputBytes ?? 0);
  }

  get contextBytes(): number {
    const { contextTakeover, windowBits } = this.#direction;
    return this.#context === undefined || !contextTakeover ? 0 : 2 ** windowBits + STATE_BYTES;
  }

  readBegins(): void {
    this.#readBytes = 0;
  }

  write(sink: DecodedSink, bytes: Buffer, start: number, end: number, last: boolean): boolean {
    try {
      const at = this.#atOnce(sink, bytes, start, end, last);
      if (at < 0) return true;
      this.#inflateLater(sink, Buffer.from(bytes.subarray(at, end)), last);
      return false;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  close(): void {
    this.#job?.cancel();
    this.#job = undefined;
    if (this.#context !== undefined) closeContext(this.#context);
    this.#context = undefined;
  }

  /** @returns The position reached, or -1 if everything is inflated. */
  #atOnce(sink: DecodedSink, bytes: Buffer, start: number, end: number, last: boolean): number {
    if (!this.#mayGoOn(end - start) || !this.#pool.drivesZlib) return start;
    const zlib = (this.#context ??= this.#pool.takeContext() ?? this.#newContext());
    if (!(zlib instanceof RawZlib)) return start;
    const scratch = this.#pool.inflated;
    let used = 0;
    for (let at = start; at < end; ) {
      zlib.step(constants.Z_SYNC_FLUSH, bytes, at, end - at, scratch, used, scratch.length - used);
      if (zlib.failure !== undefined) throw new PeerError('ERR_INFLATE', zlib.failure);
      at = end - zlib.inputLeft;
      used = scratch.length - zlib.outputLeft;
      // If output has room left, the remaining input follows a final block: another stream starts (§7.2.1).
      if (used < scratch.length && at < end) zlib.reset();
      if (used < scratch.length) continue;
      this.#give(sink, used, false);
      used = 0;
      if (!this.#mayGoOn(0)) return at;
      // All input may be consumed while output is still in the window.
      if (at === end) used = this.#rest(zlib, sink);
      if (used < 0) return at;
    }
    if (last) used = endMessage(zlib, scratch, used, (full) => this.#give(sink, full, false));
    if (used > 0 || last) this.#give(sink, used, last);
    if (last) this.#messageDone(zlib);
    return -1;
  }

  /**
   * Fetches output until some room stays free.
   * @returns The bytes in the scratch memory; -1 if the event loop's share is used up.
   */
  #rest(zlib: RawZlib, sink: DecodedSink): number {
    const scratch = this.#pool.inflated;
    for (;;) {
      zlib.step(constants.Z_SYNC_FLUSH, NOTHING, 0, 0, scratch, 0, scratch.length);
      const used = scratch.length - zlib.outputLeft;
      if (used < scratch.length) return used;
      this.#give(sink, used, false);
      if (!this.#mayGoOn(0)) return -1;
    }
  }

  /** Whether more may be inflated on the event loop. */
  #mayGoOn(moreInput: number): boolean {
    const threshold = this.#asyncThresholdBytes;
    return this.#messageBytes + moreInput <= threshold && this.#readBytes <= threshold * THRESHOLDS_PER_READ;
  }

  #give(sink: DecodedSink, used: number, final: boolean): void {
    this.#messageBytes += used;
    this.#readBytes += used;
    sink.decoded(this.#pool.inflated, 0, used, final);
  }

  #newContext(): RawZlib {
    // A context that any connection may use next has the largest window.
    const { contextTakeover, windowBits } = this.#direction;
    return RawZlib.inflate(contextTakeover ? windowBits : MAX_WINDOW_BITS);
  }

  #messageDone(zlib: RawZlib | undefined): void {
    this.#messageBytes = 0;
    if (this.#direction.contextTakeover) return;
    this.#context = undefined;
    if (zlib !== undefined) this.#pool.giveContext(zlib);
  }

  #inflateLater(sink: DecodedSink, input: Buffer, last: boolean): void {
    const newContext = this.#pool.drivesZlib ? () => this.#newContext() : publicContext;
    const counted: DecodedSink = {
      decoded: (bytes, start, end, final) => {
        this.#messageBytes += end - start;
        sink.decoded(bytes, start, end, final);
      },
    };
    this.#context ??= newContext();
    this.#job = new InflateJob(this.#pool.jobs, this.#context, input, last, counted, newContext, (error) =>
      this.#jobDone(error, last),
    );
    this.#pool.jobs.add(this.#job);
  }

  #jobDone(error: PeerError | undefined, last: boolean): void {
    this.#context = this.#job!.context;
    this.#job = undefined;
    if (error !== undefined) this.close();
    else if (last) {
      // A context that was used as a stream is not shared again.
      if (!this.#direction.contextTakeover) closeContext(this.#context);
      this.#messageDone(undefined);
    }
    this.#done(error);
  }
}
