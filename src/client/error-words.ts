/** The system's words for an error. For several addresses that all failed the system gives only a code. */
export function wordsOf(error: Error): string {
  if (error.message !== '') return error.message;
  const [first] = error instanceof AggregateError ? error.errors : [];
  return first instanceof Error ? first.message : error.name;
}

/** The option `cause` of an error, left out where there is none. */
export const withCause = (error: unknown): { readonly cause?: unknown } =>
  error === undefined ? {} : { cause: error };
