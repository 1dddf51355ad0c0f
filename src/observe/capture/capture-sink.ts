import { Buffer } from 'node:buffer';
import { finished, type Writable } from 'node:stream';
import { asError } from '../../engine/guarded.ts';
import type { CaptureFormat, CaptureRecord, RecordWriter } from './recorder.ts';

/** Bytes that a slow stream may have buffered. From there on records are dropped, until the stream has written some of them. */
const MAX_PENDING_BYTES = 4_194_304;

/** Takes the records of a capture one by one, synchronously. */
export type CaptureFunction = (record: CaptureRecord) => void;

/** The owner of a sink. */
export interface SinkOwner {
  /** The next record would exceed the limit. */
  full(): void;
  /** The sink failed, or was closed by other code. Called at most once. */
  sinkFailed(error: Error): void;
}

const isFunction = (sink: Writable | CaptureFunction): sink is CaptureFunction => typeof sink === 'function';

/** Writes records to a stream or a function. It never waits: what a slow stream cannot take is dropped and counted. */
export class CaptureSink implements RecordWriter {
  records = 0;
  droppedRecords = 0;
  bytes = 0;
  readonly #sink: Writable | CaptureFunction;
  readonly #format: CaptureFormat;
  readonly #maxBytes: number;
  readonly #owner: SinkOwner;
  /** Records dropped since the last one that was written. */
  #droppedNow = 0;
  #isOver = false;
  #release: (() => void) | undefined;

  constructor(sink: Writable | CaptureFunction, format: CaptureFormat, maxBytes: number, owner: SinkOwner) {
    this.#sink = sink;
    this.#format = format;
    this.#maxBytes = maxBytes;
    this.#owner = owner;
    if (!isFunction(sink)) this.#release = this.#watch(sink);
  }

  write(record: CaptureRecord): boolean {
    if (this.#isOver) return false;
    const bytes = Buffer.byteLength(record);
    if (this.bytes + bytes > this.#maxBytes) {
      this.#owner.full();
      return false;
    }
    if (this.#isSlow) {
      this.droppedRecords++;
      this.#droppedNow++;
      return false;
    }
    if (this.#droppedNow > 0) this.#tellDropped();
    this.records++;
    this.#pass(record, bytes);
    return true;
  }

  writeAlways(record: CaptureRecord): void {
    if (this.#isOver) return;
    if (this.#droppedNow > 0) this.#tellDropped();
    this.#pass(record, Buffer.byteLength(record));
  }

  /**
   * Writes the last record. A stream is ended if `endsSink`.
   * @returns Resolves when the stream has written everything, or was closed.
   */
  end(reason: string, endsSink: boolean): Promise<void> {
    const last = this.#format.ending(reason, this.records, this.droppedRecords);
    if (last !== undefined) this.writeAlways(last);
    this.#isOver = true;
    const sink = this.#sink;
    if (isFunction(sink)) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        this.#release?.();
        resolve();
      };
      if (!endsSink) {
        // An empty write reports when the bytes before it are written.
        if (sink.writable) sink.write(Buffer.alloc(0), done);
        else done();
      } else {
        const cleanUp = finished(sink, { readable: false }, () => {
          cleanUp();
          done();
        });
        if (sink.writable) sink.end();
      }
    });
  }

  get #isSlow(): boolean {
    const sink = this.#sink;
    return !isFunction(sink) && sink.writableLength > MAX_PENDING_BYTES;
  }

  #tellDropped(): void {
    const told = this.#format.dropped(this.#droppedNow);
    this.#droppedNow = 0;
    if (told !== undefined) this.#pass(told, Buffer.byteLength(told));
  }

  #pass(record: CaptureRecord, bytes: number): void {
    this.bytes += bytes;
    const sink = this.#sink;
    try {
      if (isFunction(sink)) sink(record);
      else if (sink.writable) sink.write(record);
      else this.#failed(new Error('the stream was ended by other code'));
    } catch (error) {
      this.#failed(asError(error));
    }
  }

  #watch(stream: Writable): () => void {
    const failed = (error: Error): void => this.#failed(error);
    const closed = (): void => this.#failed(new Error('the stream was closed by other code'));
    stream.on('error', failed).on('close', closed);
    return () => {
      stream.off('close', closed);
      // A destroyed stream reports its error in a later turn, and without a listener that would end the process.
      if (!stream.destroyed) stream.off('error', failed);
    };
  }

  #failed(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#owner.sinkFailed(error);
  }
}
