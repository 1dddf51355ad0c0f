import { Buffer } from 'node:buffer';
import { constants, deflateRaw, type DeflateRaw, deflateRawSync } from 'node:zlib';
import type { CompressionJob, CompressionParameters, Compressor } from '../../protocol/deflate/compressor.ts';
import { asError } from '../guarded.ts';
import type { Job, JobQueue } from './job-queue.ts';
import { RawZlib } from './raw-zlib.ts';
import type { ZlibPool } from './zlib-pool.ts';

/** `00 00 FF FF`: ends every flush and is removed from the end of every message (RFC 7692 §7.2.1). */
const TAIL_BYTES = 4;
/** Memory of a context besides its window and its tables. */
const STATE_BYTES = 8 * 1024;
/** An empty message (RFC 7692 §7.2.3.6). */
const EMPTY_MESSAGE = Buffer.of(0);
/** An empty fragment before the last one. */
const EMPTY_FRAGMENT = Buffer.alloc(0);

/** Longest output for an input of `bytes`, including the flush; zlib requires spare room. */
const longestOutput = (bytes: number): number => bytes + (bytes >>> 3) + (bytes >>> 6) + 64;

/** Compresses messages one after another (RFC 7692 §7.2.1). */
export class Deflater implements Compressor {
  readonly #pool: ZlibPool;
  readonly #parameters: CompressionParameters;
  readonly #contextTakeover: boolean;
  #context: RawZlib | undefined;
  #stale = false;

  /** @param contextTakeover Messages refer to the ones before them: one connection's own. Needs steps of zlib. */
  constructor(pool: ZlibPool, parameters: CompressionParameters, contextTakeover: boolean) {
    this.#pool = pool;
    this.#parameters = parameters;
    this.#contextTakeover = contextTakeover;
  }

  /** By zlib's own formula for its memory, plus what Node adds. A context that connections share counts for none of them. */
  get contextBytes(): number {
    if (this.#context === undefined || !this.#contextTakeover) return 0;
    const { windowBits, memLevel } = this.#parameters;
    return 2 ** (windowBits + 2) + 2 ** (memLevel + 9) + STATE_BYTES;
  }

  /**
   * @param isLast `false` if more fragments of the message follow.
   * @returns The compressed message or fragment, possibly in memory that the next call overwrites.
   */
  compress(input: Uint8Array, isLast = true): Uint8Array {
    // zlib does not produce a second empty block.
    if (input.length === 0) return isLast ? EMPTY_MESSAGE : EMPTY_FRAGMENT;
    const tailBytes = isLast ? TAIL_BYTES : 0;
    // Copied, because Node reads the size from the view, and an application may have overwritten properties of its
    // view.
    if (!this.#pool.drivesZlib)
      return withoutTail(deflateRawSync(new Uint8Array(input), this.#oneShot()), tailBytes);
    const context = this.#ready();
    const output = this.#pool.deflated(longestOutput(input.length));
    context.step(constants.Z_SYNC_FLUSH, input, 0, input.length, output, 0, output.length);
    if (context.inputLeft > 0 || context.outputLeft === 0)
      throw new Error('zlib needs more room than it says');
    return output.subarray(0, output.length - context.outputLeft - tailBytes);
  }

  /**
   * Compresses a message or fragment on the thread pool. With takeover, nothing else may be compressed until it is done.
   * @param input Must stay unchanged until then.
   * @param done Receives the output in its own memory, or the error if zlib has no memory.
   * @param isLast As in {@link compress}.
   */
  compressLater(
    input: Uint8Array,
    done: (output: Uint8Array, error?: Error) => void,
    isLast = true,
  ): CompressionJob {
    const { jobs, drivesZlib } = this.#pool;
    const by = this.#contextTakeover && drivesZlib ? this.#ready() : this.#oneShot();
    const job = new DeflateJob(jobs, input, by, isLast ? TAIL_BYTES : 0, done);
    jobs.add(job);
    return job;
  }

  /** Makes the next message refer to no earlier one, because the peer has since seen other messages. */
  forget(): void {
    this.#stale = true;
  }

  /** Releases the memory; the deflater can still be used. */
  close(): void {
    this.#context?.close();
    this.#context = undefined;
  }

  #ready(): RawZlib {
    const { windowBits, level, memLevel } = this.#parameters;
    const context = (this.#context ??= RawZlib.deflate(windowBits, level, memLevel));
    if (this.#stale || !this.#contextTakeover) context.reset();
    this.#stale = false;
    return context;
  }

  #oneShot(): CompressionParameters & { readonly finishFlush: number } {
    return { ...this.#parameters, finishFlush: constants.Z_SYNC_FLUSH };
  }
}

const withoutTail = (output: Uint8Array, tailBytes: number): Uint8Array =>
  output.subarray(0, output.length - tailBytes);

/** One message or fragment that is compressed on zlib's thread pool. */
class DeflateJob implements Job, CompressionJob {
  readonly #jobs: JobQueue;
  readonly #input: Uint8Array;
  readonly #with: RawZlib | (CompressionParameters & { readonly finishFlush: number });
  readonly #tailBytes: number;
  #done: ((output: Uint8Array, error?: Error) => void) | undefined;
  #finished: (() => void) | undefined;

  constructor(
    jobs: JobQueue,
    input: Uint8Array,
    by: RawZlib | (CompressionParameters & { readonly finishFlush: number }),
    tailBytes: number,
    done: (output: Uint8Array, error?: Error) => void,
  ) {
    this.#jobs = jobs;
    this.#input = input;
    this.#with = by;
    this.#tailBytes = tailBytes;
    this.#done = done;
  }

  start(finished: () => void): void {
    this.#finished = finished;
    if (this.#with instanceof RawZlib) this.#startOn(this.#with);
    else deflateRaw(this.#input, this.#with, (error, output) => this.#settle(output, error ?? undefined));
  }

  /** The job could not start. */
  failed(error: unknown): void {
    this.#settle(this.#input, asError(error));
  }

  /** Suppresses the callback. With takeover, the context is unusable afterwards if the job had started. */
  cancel(): void {
    this.#done = undefined;
    this.#jobs.cancel(this);
  }

  #startOn(context: RawZlib): void {
    const chunks: Buffer[] = [];
    const stream = context.asStream() as DeflateRaw;
    const take = (chunk: Buffer): void => void chunks.push(chunk);
    const end = (error?: Error | null): void => {
      stream.off('data', take).off('error', end).off('close', closed);
      // A failed or closed stream is unusable, and zlib may still write into its buffer.
      if (error === undefined || error === null) context.stepsHere();
      this.#settle(Buffer.concat(chunks), error ?? undefined);
    };
    const closed = (): void => end(new Error('the connection is over'));
    stream.on('data', take).on('error', end).on('close', closed);
    stream.write(this.#input, end);
  }

  #settle(output: Uint8Array, error: Error | undefined): void {
    const finished = this.#finished;
    if (finished === undefined) return;
    this.#finished = undefined;
    finished();
    this.#done?.(error === undefined ? withoutTail(output, this.#tailBytes) : output, error);
  }
}
