/**
 * A schema of any library with the Standard Schema interface, such as Zod, Valibot or ArkType
 * (https://standardschema.dev). It may be of a class, or a function.
 */
export interface StandardSchema<Output = unknown> {
  readonly '~standard': {
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
