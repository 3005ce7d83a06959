/**
 * What the specification Standard Schema asks of a validator, and what of it is used here. Zod,
 * Valibot, ArkType and others implement it.
 */
export interface StandardSchema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (
      value: unknown,
    ) => StandardSchemaResult<Output> | Promise<StandardSchemaResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

export type StandardSchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardSchemaIssue[] };

export interface StandardSchemaIssue {
  readonly message: string;
  /** Keys that lead to the value; none for the whole payload. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** A schema for each type of event, or for some: payloads of the others are not validated. */
export type PayloadSchemas<Events> = {
  readonly [Type in keyof Events]?: StandardSchema<Events[Type]>;
};
