/** Those who wait until a connection has room again. Exists only while there is somebody. */
export class Drains {
  /** `send` has said `false` for the high-water mark: a `drain` event is owed. */
  wasRefused = false;
  readonly #waiting = new Set<{ resolve: () => void; reject: (reason: unknown) => void }>();

  /** @returns A promise that rejects with the reason of `signal` if that comes first. */
  wait(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        signal?.removeEventListener('abort', aborted);
        this.#waiting.delete(waiter);
      };
      const waiter = {
        resolve: () => {
          stop();
          resolve();
        },
        reject: (reason: unknown) => {
          stop();
          reject(reason);
        },
      };
      const aborted = (): void => waiter.reject(signal?.reason);
      signal?.addEventListener('abort', aborted);
      this.#waiting.add(waiter);
    });
  }

  resolve(): void {
    for (const waiter of this.#waiting) waiter.resolve();
  }

  reject(reason: unknown): void {
    for (const waiter of this.#waiting) waiter.reject(reason);
  }
}
