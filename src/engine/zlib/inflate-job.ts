import { Buffer } from 'node:buffer';
import { createInflateRaw, type InflateRaw } from 'node:zlib';
import type { DecodedSink } from '../../protocol/extensions/extension.ts';
import { PeerError } from '../../protocol/errors.ts';
import { asError } from '../guarded.ts';
import type { Job, JobQueue } from './job-queue.ts';
import { endMessage, endsInsideBlock, TAIL_AND_FINAL_BLOCK } from './message-end.ts';
import { RawZlib } from './raw-zlib.ts';

/** A zlib context: a driven one, or a public stream if Node's internals cannot be used. */
export type InflateContext = RawZlib | InflateRaw;

/** Output bytes of one step. */
const CHUNK_BYTES = 65_536;
/** Output bytes for the end of a message. */
const END_BYTES = 64;

export const publicContext = (): InflateRaw => createInflateRaw({ chunkSize: CHUNK_BYTES });

export function closeContext(context: InflateContext): void {
  if (context instanceof RawZlib) context.close();
  else context.destroy();
}

/** Inflates one piece of a message on the thread pool, with public streams. */
export class InflateJob implements Job {
  /** The current context. After a final block another stream starts, which needs another context. */
  context: InflateContext;
  readonly #jobs: JobQueue;
  #input: Buffer;
  readonly #last: boolean;
  readonly #sink: DecodedSink;
  readonly #newContext: () => InflateContext;
  #done: ((error?: PeerError) => void) | undefined;
  #finished: (() => void) | undefined;
  #stream: InflateRaw | undefined;
  #consumedBefore = 0;
  #atEnd = false;
  readonly #onData = (chunk: Buffer): void => this.#take(chunk);
  readonly #onError = (error: Error & { code?: string }): void =>
    this.#settle(new PeerError('ERR_INFLATE', error.code, { cause: error }));

  /**
   * @param input Must stay unchanged until the job is done.
   * @param last True if the message ends with this input.
   * @param newContext Creates another context like `context`.
   * @param done Called once, unless the job is cancelled before.
   */
  constructor(
    jobs: JobQueue,
    context: InflateContext,
    input: Buffer,
    last: boolean,
    sink: DecodedSink,
    newContext: () => InflateContext,
    done: (error?: PeerError) => void,
  ) {
    this.#jobs = jobs;
    this.context = context;
    this.#input = input;
    this.#last = last;
    this.#sink = sink;
    this.#newContext = newContext;
    this.#done = done;
  }

  /** Bytes of input that the job holds. */
  get inputBytes(): number {
    return this.#input.length;
  }

  start(finished: () => void): void {
    this.#finished = finished;
    this.#write();
  }

  /** A step of the job threw. */
  failed(error: unknown): void {
    this.#settle(new PeerError('ERR_INTERNAL', asError(error).message, { cause: error }));
  }

  /** Suppresses all callbacks. The context is unusable afterwards. */
  cancel(): void {
    this.#done = undefined;
    if (this.#jobs.cancel(this)) return;
    this.#letGo();
    closeContext(this.context);
    this.#finish();
  }

  #write(): void {
    const { context } = this;
    const stream = context instanceof RawZlib ? context.asStream() : context;
    this.#stream = stream;
    this.#consumedBefore = stream.bytesWritten;
    stream.on('data', this.#onData).on('error', this.#onError);
    stream.write(this.#input, () => this.#guarded(() => this.#written(stream)));
  }

  /** Runs a step that zlib or the event loop calls. */
  #guarded(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.failed(error);
    }
  }

  #take(chunk: Buffer): void {
    try {
      this.#sink.decoded(chunk, 0, chunk.length, false);
    } catch (error) {
      this.#settle(error as PeerError);
    }
  }

  #written(stream: InflateRaw): void {
    if (this.#stream !== stream) return;
    const consumed = stream.bytesWritten - this.#consumedBefore;
    if (this.#atEnd && consumed === TAIL_AND_FINAL_BLOCK.length - 1) {
      this.#giveBack();
      this.#whole();
    } else if (consumed < this.#input.length) {
      // After a final block, or invalid bytes. Deferred, because Deno reports invalid bytes only after its callback.
      setImmediate(() => this.#guarded(() => this.#leftOver(stream, consumed)));
    } else {
      this.#giveBack();
      if (this.#atEnd) this.#settle(endsInsideBlock());
      else if (this.#last) this.#end();
      else this.#settle(undefined);
    }
  }

  /** Continues after a final block with another stream (RFC 7692 §7.2.1). */
  #leftOver(stream: InflateRaw, consumed: number): void {
    if (this.#stream !== stream) return;
    this.#letGo();
    closeContext(this.context);
    this.context = this.#newContext();
    this.#input = this.#input.subarray(consumed);
    this.#write();
  }

  #end(): void {
    if (!(this.context instanceof RawZlib)) {
      this.#atEnd = true;
      this.#input = TAIL_AND_FINAL_BLOCK;
      this.#write();
      return;
    }
    const output = Buffer.allocUnsafeSlow(END_BYTES);
    const give = (bytes: number): void => this.#sink.decoded(output, 0, bytes, false);
    try {
      const used = endMessage(this.context, output, 0, give);
      give(used);
    } catch (error) {
      this.#settle(error as PeerError);
      return;
    }
    this.#whole();
  }

  #whole(): void {
    try {
      this.#sink.decoded(Buffer.alloc(0), 0, 0, true);
      this.#settle(undefined);
    } catch (error) {
      this.#settle(error as PeerError);
    }
  }

  #settle(error: PeerError | undefined): void {
    const done = this.#done;
    this.#done = undefined;
    this.#letGo();
    if (error !== undefined) closeContext(this.context);
    this.#finish();
    done?.(error);
  }

  #letGo(): void {
    this.#stream?.off('data', this.#onData).off('error', this.#onError);
    this.#stream = undefined;
  }

  /** Returns an idle stream to its original state. */
  #giveBack(): void {
    this.#letGo();
    if (this.context instanceof RawZlib) this.context.stepsHere();
  }

  #finish(): void {
    const finished = this.#finished;
    this.#finished = undefined;
    finished?.();
  }
}
