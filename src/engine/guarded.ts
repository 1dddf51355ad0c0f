/** An object that a queue of the process calls. */
export interface Guarded {
  /**
   * Called after another method of this object threw. The object ends its work with this error and must not throw
   * again. The queue continues with the other objects.
   */
  failed(error: unknown): void;
}

/** Passes `guarded` the error that it threw. A second error must not stop the other objects of the queue. */
export function tellFailed(guarded: Guarded, error: unknown): void {
  try {
    guarded.failed(error);
  } catch {
    // The object already has an error, and no other object can act on this one.
  }
}

/** Converts an exception of foreign code to an `Error`. */
export const asError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown });
