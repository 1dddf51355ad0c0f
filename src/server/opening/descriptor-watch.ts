import { closeSync, openSync } from 'node:fs';
import { devNull, platform } from 'node:os';
import { systemClock } from '../../engine/clock.ts';

/** Interval between checks, in ms. */
const LOOK_EVERY_MS = 1_000;
/** No file descriptor is left: in the process, in the system. */
const SHORTAGES: ReadonlySet<string | undefined> = new Set(['EMFILE', 'ENFILE']);

/**
 * Detects that no file descriptor is left while a server listens. libuv then accepts and closes new sockets without
 * reporting an error, so clients are disconnected and no event says why. Opening a file once a second detects it (measured:
 * 15 µs).
 */
export class DescriptorWatch {
  readonly #failed: (error: Error) => void;
  #timer: unknown;
  #isOver = false;

  /** @param failed Called once a second while no descriptor is left. */
  constructor(failed: (error: Error) => void) {
    this.#failed = failed;
  }

  start(): void {
    // Windows has no limit on descriptors.
    if (this.#isOver || platform() === 'win32') return;
    // The system clock even in tests: descriptors belong to the system, not to the server.
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
        `${code}: no file descriptor is left, so the system drops new connections; raise the limit (ulimit -n), or lower maxConnections`,
        { cause: error },
      );
      this.#failed(Object.assign(shortage, { code, errno, syscall: 'accept' }));
    }
  }
}
