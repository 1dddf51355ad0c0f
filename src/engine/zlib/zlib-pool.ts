import { Buffer } from 'node:buffer';
import { JobQueue } from './job-queue.ts';
import { type RawZlib, stepsWork } from './raw-zlib.ts';

/** Node's pool has 4 threads by default; more jobs would delay file system and DNS. */
const MAX_RUNNING_JOBS = 4;
/** Most bytes inflated at once, and so the most that is held above a message's limit. */
const INFLATED_BYTES = 65_536;
/** Longer compressed messages get their own memory for the duration of a call. */
const DEFLATED_BYTES = 163_840;
/** Idle contexts kept for the next message of any connection. */
const MAX_IDLE_CONTEXTS = 4;

/** The zlib state that the connections of one engine share. */
export class ZlibPool {
  /** Compression and inflation on zlib's thread pool. */
  readonly jobs: JobQueue = new JobQueue(MAX_RUNNING_JOBS);
  readonly #idle: RawZlib[] = [];
  #inflated: Buffer | undefined;
  #deflated: Buffer | undefined;
  #drives: boolean | undefined;

  /** Whether zlib can be driven here. Determined on first access, by compressing and inflating a sample. */
  get drivesZlib(): boolean {
    return (this.#drives ??= stepsWork());
  }

  /** Output of one step of inflation; the next step overwrites it. */
  get inflated(): Buffer {
    return (this.#inflated ??= Buffer.allocUnsafeSlow(INFLATED_BYTES));
  }

  /** Returns memory for a compressed message of at least `bytes`. The next call overwrites it. */
  deflated(bytes: number): Buffer {
    if (bytes > DEFLATED_BYTES) return Buffer.allocUnsafeSlow(bytes);
    return (this.#deflated ??= Buffer.allocUnsafeSlow(DEFLATED_BYTES));
  }

  /** Returns an idle inflation context with the largest window, if there is one. */
  takeContext(): RawZlib | undefined {
    return this.#idle.pop();
  }

  /** Takes such a context back after a complete message. */
  giveContext(context: RawZlib): void {
    // No message may refer to an earlier one, least of all of another connection.
    context.reset();
    if (this.#idle.length < MAX_IDLE_CONTEXTS) this.#idle.push(context);
    else context.close();
  }
}
