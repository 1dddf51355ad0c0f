/**
 * A schema of any library with the Standard Schema interface, such as Zod, Valibot or ArkType
 * (https://standardschema.dev). It may be of a class, or a function.
 */
export interface StandardSchema<Output = unknown> {
  /** What the Standard Schema interface names so. */
  readonly '~standard': {
    /** Returns the value, or what it lacks. */
    readonly validate: (value: unknown) => StandardResult<Output> | PromiseLike<StandardResult<Output>>;
  };
}

/** What `validate` of a {@link StandardSchema} returns. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

/** What a value lacks. */
export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** Longest message of an `error` frame that lists what a schema refuses. */
const MAX_ISSUES_LENGTH = 256;

/** What a schema refuses, with the path of each value. */
export const issuesText = (issues: readonly StandardIssue[]): string =>
  issues
    .map(({ message, path }) => {
      const keys = (path ?? []).map((part) => String(typeof part === 'object' ? part.key : part));
      return keys.length === 0 ? message : `${keys.join('.')}: ${message}`;
    })
    .join('; ')
    .slice(0, MAX_ISSUES_LENGTH);
