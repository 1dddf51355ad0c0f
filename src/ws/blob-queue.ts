import type { Blob } from 'node:buffer';
import { sizeOf } from './data.ts';

/** One call of `send`, `ping`, `pong` or `close` that waits for a blob before it. */
export interface QueuedCall {
  readonly data: unknown;
  /** Sends; for a blob with the bytes that were read. */
  readonly run: (data: unknown) => void;
  readonly callback: unknown;
}

/** Owner of the calls that wait. */
export interface BlobOwner {
  /** A blob could not be read: the connection ends. */
  blobFailed(error: unknown): void;
  /** All calls were made. */
  blobsDone(): void;
}

/**
 * Calls in order, while a blob is being read: its bytes are not there when `send` returns. Exists while there are any.
 */
export class BlobQueue {
  readonly #owner: BlobOwner;
  readonly #calls: QueuedCall[] = [];
  #isEnded = false;
  /** Size of the data that waits, in bytes. */
  bytes = 0;

  constructor(owner: BlobOwner) {
    this.#owner = owner;
  }

  add(call: QueuedCall): void {
    this.#calls.push(call);
    this.bytes += sizeOf(call.data);
  }

  /** Starts to read the blob, which is the first call. */
  start(blob: Blob, call: QueuedCall): void {
    this.#calls.unshift(call);
    this.bytes += blob.size;
    this.#read(blob);
  }

  /** @returns The callbacks of the calls that are not made. */
  end(): unknown[] {
    this.#isEnded = true;
    this.bytes = 0;
    return this.#calls.splice(0).map(({ callback }) => callback);
  }

  #read(blob: Blob): void {
    blob.arrayBuffer().then(
      (bytes) => {
        if (!this.#isEnded) this.#goOn(bytes);
      },
      (error: unknown) => {
        if (!this.#isEnded) this.#owner.blobFailed(error);
      },
    );
  }

  /** Makes the first call with the bytes of its blob, and those after it up to the next blob. */
  #goOn(bytes: ArrayBuffer): void {
    let data: unknown = bytes;
    for (;;) {
      const call = this.#calls.shift();
      if (call === undefined || this.#isEnded) break;
      this.bytes -= sizeOf(call.data);
      call.run(data);
      const next = this.#calls[0];
      if (next === undefined) break;
      data = next.data;
      if (isBlobLike(data)) {
        this.#read(data);
        return;
      }
    }
    if (!this.#isEnded) this.#owner.blobsDone();
  }
}

const isBlobLike = (data: unknown): data is Blob =>
  typeof data === 'object' && data !== null && typeof (data as Blob).arrayBuffer === 'function';
