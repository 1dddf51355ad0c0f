/**
 * Runs `step` exactly once, within `around`: code of others, such as a store or a context manager, that may throw or forget to
 * call it.
 * @param failed Gets what `around` throws.
 * @throws What `step` throws.
 */
export function runAround(
  around: (step: () => void) => void,
  step: () => void,
  failed: (error: unknown) => void,
): void {
  let hasRun = false;
  let failure: { readonly error: unknown } | undefined;
  const once = (): void => {
    if (hasRun) return;
    hasRun = true;
    try {
      step();
    } catch (error) {
      failure = { error };
    }
  };
  try {
    around(once);
  } catch (error) {
    failed(error);
  }
  once();
  if (failure !== undefined) throw failure.error;
}
