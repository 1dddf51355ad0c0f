import { closeSync, openSync } from 'node:fs';
import { devNull, platform } from 'node:os';
import { systemClock } from '../../engine/clock.ts';

/** How often a descriptor is opened, in ms. */
const LOOK_EVERY_MS = 1_000;
/** No descriptor left in the process, or in the system. */
const SHORTAGES: ReadonlySet<string | undefined> = new Set(['EMFILE', 'ENFILE']);

/**
 * Notices that no file descriptor is left while a server listens. libuv accepts and closes new sockets then without a
 * word, so clients are cut and no event says why. Opening a file once a second shows it (measured: 15 µs).
 */
export class DescriptorWatch {
  readonly #failed: (error: Error) => void;
  #timer: unknown;
  #isOver = false;

  /** @param failed Told once a second while there are none. */
  constructor(failed: (error: Error) => void) {
    this.#failed = failed;
  }

  start(): void {
    // Windows has no such limit.
    if (this.#isOver || platform() === 'win32') return;
    // Descriptors are the system's: their time is never a test's.
    this.#timer = systemClock.setTimer(() => this.#look(), LOOK_EVERY_MS);
  }

  stop(): void {
    this.#isOver = true;
    systemClock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    this.start();
    try {
      closeSync(openSync(devNull, 'r'));
    } catch (error) {
      const { code, errno } = error as NodeJS.ErrnoException;
      if (!SHORTAGES.has(code)) return;
      const shortage = new Error(
        `${code}: no file descriptor is left, so new connections are cut; raise the limit (ulimit -n), or lower maxConnections`,
        { cause: error },
      );
      this.#failed(Object.assign(shortage, { code, errno, syscall: 'accept' }));
    }
  }
}
