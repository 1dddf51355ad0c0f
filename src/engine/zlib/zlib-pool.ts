import { Buffer } from 'node:buffer';
import { JobQueue } from './job-queue.ts';
import { type RawZlib, stepsWork } from './raw-zlib.ts';

/** Threads of Node's pool are 4 by default: more jobs would keep file system and DNS waiting. */
const MAX_RUNNING_JOBS = 4;
/** Most that is inflated at once, and so the most that is held beyond a message's limit. */
const INFLATED_BYTES = 65_536;
/** Longer compressed messages get memory of their own for the time of a call. */
const DEFLATED_BYTES = 163_840;
/** Contexts that are kept for the next message of any connection. */
const MAX_IDLE_CONTEXTS = 4;

/** What the connections of one engine share of zlib. */
export class ZlibPool {
  /** Compression and inflation on zlib's thread pool. */
  readonly jobs: JobQueue = new JobQueue(MAX_RUNNING_JOBS);
  readonly #idle: RawZlib[] = [];
  #inflated: Buffer | undefined;
  #deflated: Buffer | undefined;
  #drives: boolean | undefined;

  /** Whether steps of zlib can be taken here. Found out with the first call, by compressing and inflating something. */
  get drivesZlib(): boolean {
    return (this.#drives ??= stepsWork());
  }

  /** Output of one step of inflation; the next step overwrites it. */
  get inflated(): Buffer {
    return (this.#inflated ??= Buffer.allocUnsafeSlow(INFLATED_BYTES));
  }

  /** Room for a compressed message: at least so many bytes. The next call overwrites them. */
  deflated(bytes: number): Buffer {
    if (bytes > DEFLATED_BYTES) return Buffer.allocUnsafeSlow(bytes);
    return (this.#deflated ??= Buffer.allocUnsafeSlow(DEFLATED_BYTES));
  }

  /** A context for inflation with the largest window that no connection uses, if there is one. */
  takeContext(): RawZlib | undefined {
    return this.#idle.pop();
  }

  /** Takes such a context back after a whole message. */
  giveContext(context: RawZlib): void {
    // No message may refer to another one, least of all to one of another connection.
    context.reset();
    if (this.#idle.length < MAX_IDLE_CONTEXTS) this.#idle.push(context);
    else context.close();
  }
}
