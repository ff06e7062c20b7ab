/**
 * What is wrong with a mapping.
 * - `YAML`: the text is no YAML, or names a key twice.
 * - `SHAPE`: a part has the wrong type or is missing.
 * - `UNKNOWN_KEY`, `UNKNOWN_TABLE`, `UNKNOWN_COLUMN`, `UNKNOWN_FIELD`, `UNKNOWN_TRANSFORM`: a name that means nothing.
 * - `CONFLICT`: two rules for one column.
 * - `UNMAPPED_COLUMN`: a column that must have a value gets none.
 * - `WRONG_TRANSFORM`: a transform that cannot produce the column's type, or out of order.
 * - `INVALID_VALUE`: a constant or bound that the column refuses.
 * - `SCHEMA_MISMATCH`: the mapping was made for another table than the schema's.
 */
export type MappingErrorCode =
  | 'YAML'
  | 'SHAPE'
  | 'UNKNOWN_KEY'
  | 'UNKNOWN_TABLE'
  | 'UNKNOWN_COLUMN'
  | 'UNKNOWN_FIELD'
  | 'UNKNOWN_TRANSFORM'
  | 'CONFLICT'
  | 'UNMAPPED_COLUMN'
  | 'WRONG_TRANSFORM'
  | 'INVALID_VALUE'
  | 'SCHEMA_MISMATCH';

export interface MappingErrorOptions {
  readonly code: MappingErrorCode;
  readonly file?: string | undefined;
  /** 1-based line in the file; absent where no line is to blame. */
  readonly line?: number | undefined;
  /** The name that was probably meant. */
  readonly suggestion?: string | undefined;
  readonly cause?: unknown;
}

/** A mapping cannot be used. Trying again with the same text cannot help. */
export class MappingError extends Error {
  override readonly name = 'MappingError';
  readonly code: MappingErrorCode;
  readonly retryable = false;
  readonly file: string | undefined;
  readonly line: number | undefined;
  readonly suggestion: string | undefined;

  constructor(problem: string, options: MappingErrorOptions) {
    const { file, line } = options;
    const place = file === undefined ? (line === undefined ? '' : `line ${line}`) : [file, line ?? []].flat().join(':');
    const hint = options.suggestion === undefined ? '' : ` Did you mean "${options.suggestion}"?`;
    super(
      `${place === '' ? '' : `${place}: `}${problem}${hint}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = options.code;
    this.file = options.file;
    this.line = options.line;
    this.suggestion = options.suggestion;
  }
}

/** A scanner was used against its rules: fed before `begin`, two sources at once. A bug of the caller. */
export class ScannerStateError extends Error {
  override readonly name = 'ScannerStateError';
  readonly code = 'SCANNER_STATE';
  readonly retryable = false;
}
