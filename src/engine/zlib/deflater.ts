import { Buffer } from 'node:buffer';
import { constants, deflateRaw, type DeflateRaw, deflateRawSync } from 'node:zlib';
import type { CompressionJob, CompressionParameters, Compressor } from '../../protocol/deflate/compressor.ts';
import { asError } from '../guarded.ts';
import type { Job, JobQueue } from './job-queue.ts';
import { RawZlib } from './raw-zlib.ts';
import type { ZlibPool } from './zlib-pool.ts';

/** `00 00 FF FF`, which every flush ends with and no message does (RFC 7692 §7.2.1). */
const TAIL_BYTES = 4;
/** An empty message (RFC 7692 §7.2.3.6). */
const EMPTY_MESSAGE = Buffer.of(0);

/** Longest output for so many bytes of input, flush included: zlib wants room to be left. */
const longestOutput = (bytes: number): number => bytes + (bytes >>> 3) + (bytes >>> 6) + 64;

/** Compresses messages one after the other (RFC 7692 §7.2.1). */
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

  /** @returns A whole message, compressed; it may lie in memory that the next call overwrites. */
  compress(input: Uint8Array): Uint8Array {
    // zlib makes no second empty block.
    if (input.length === 0) return EMPTY_MESSAGE;
    // A copy: Node asks the view for its size, and properties of an application's view may lie.
    if (!this.#pool.drivesZlib) return withoutTail(deflateRawSync(new Uint8Array(input), this.#oneShot()));
    const context = this.#ready();
    const output = this.#pool.deflated(longestOutput(input.length));
    context.step(constants.Z_SYNC_FLUSH, input, 0, input.length, output, 0, output.length);
    if (context.inputLeft > 0 || context.outputLeft === 0)
      throw new Error('zlib needs more room than it says');
    return output.subarray(0, output.length - context.outputLeft - TAIL_BYTES);
  }

  /**
   * Compresses a message behind the event loop; until it is done, nothing else may be compressed with takeover.
   * @param input Stays as it is until then.
   * @param done Is handed memory of its own; or the error, if there is no memory left for zlib.
   */
  compressBehind(input: Uint8Array, done: (output: Uint8Array, error?: Error) => void): CompressionJob {
    const takeover = this.#contextTakeover;
    const { jobs } = this.#pool;
    const job = new DeflateJob(jobs, input, takeover ? this.#ready() : this.#oneShot(), done);
    jobs.add(job);
    return job;
  }

  /** The next message refers to nothing before it: the peer has seen something else since. */
  forget(): void {
    this.#stale = true;
  }

  /** Gives the memory back; it may be used again. */
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

const withoutTail = (output: Uint8Array): Uint8Array => output.subarray(0, output.length - TAIL_BYTES);

/** One message that is compressed on zlib's thread pool. */
class DeflateJob implements Job, CompressionJob {
  readonly #jobs: JobQueue;
  readonly #input: Uint8Array;
  readonly #with: RawZlib | (CompressionParameters & { readonly finishFlush: number });
  #done: ((output: Uint8Array, error?: Error) => void) | undefined;
  #finished: (() => void) | undefined;

  constructor(
    jobs: JobQueue,
    input: Uint8Array,
    by: RawZlib | (CompressionParameters & { readonly finishFlush: number }),
    done: (output: Uint8Array, error?: Error) => void,
  ) {
    this.#jobs = jobs;
    this.#input = input;
    this.#with = by;
    this.#done = done;
  }

  start(finished: () => void): void {
    this.#finished = finished;
    if (this.#with instanceof RawZlib) this.#startOn(this.#with);
    else deflateRaw(this.#input, this.#with, (error, output) => this.#settle(output, error ?? undefined));
  }

  /** Could not begin. */
  failed(error: unknown): void {
    this.#settle(this.#input, asError(error));
  }

  /** Nothing is called any more. With takeover, the context is of no further use if it had begun. */
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
      // A stream that has failed or closed is of no further use, and zlib may still be writing into its buffer.
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
    this.#done?.(error === undefined ? withoutTail(output) : output, error);
  }
}
