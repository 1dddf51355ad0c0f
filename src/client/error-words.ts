/** The message of a system error. If several addresses failed, Node gives only a code, so the messages are joined. */
export function wordsOf(error: Error): string {
  if (error.message !== '') return error.message;
  const [first] = error instanceof AggregateError ? error.errors : [];
  return first instanceof Error ? first.message : error.name;
}

/** The option `cause` of an error; without it if there is no cause. */
export const withCause = (error: unknown): { readonly cause?: unknown } =>
  error === undefined ? {} : { cause: error };
