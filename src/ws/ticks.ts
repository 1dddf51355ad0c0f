import process from 'node:process';

/**
 * Runs `step` after the current call of Node into JavaScript, before promises and before the next read. The package `ws`
 * uses the same moment, so events and callbacks keep their order.
 */
export function nextTick(step: () => void): void {
  process.nextTick(step);
}

/** Throws what a listener has thrown outside the library: it is uncaught, as with any emitter. */
export function rethrow(error: unknown): void {
  process.nextTick(() => {
    throw error;
  });
}
