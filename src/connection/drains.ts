/** Pending calls of `drained()`. Exists only while there are any. */
export class Drains {
  /** `send` has returned `false` because of the high-water mark, so a `drain` event has to follow. */
  wasRefused = false;
  readonly #waiting = new Set<{ resolve: () => void; reject: (reason: unknown) => void }>();

  /** Resolves when the buffer has drained. Rejects when the connection ends first, or with the reason of `signal`. */
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
