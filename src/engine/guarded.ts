/** Something that a queue of the process calls. */
export interface Guarded {
  /**
   * A call of this object threw. It gives up what it works for and says why; it must not throw again.
   * The queue goes on with the other objects.
   */
  failed(error: unknown): void;
}

/** Tells `guarded` what it threw. Nothing that it throws now may stop the other objects of the queue. */
export function tellFailed(guarded: Guarded, error: unknown): void {
  try {
    guarded.failed(error);
  } catch {
    // It has been told; there is no one else who could act on it.
  }
}

/** An exception of foreign code as an `Error`. */
export const asError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown });
