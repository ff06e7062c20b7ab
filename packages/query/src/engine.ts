/**
 * One value of a result, the same for every engine:
 * whole numbers of 64 bits and more are bigint; decimals, dates, times and intervals are text;
 * a timestamp is text, `2025-12-01T00:00:00.123456Z` (without Z where the column has no time zone).
 */
export type QueryValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly QueryValue[]
  | { readonly [name: string]: QueryValue };

export type QueryRow = readonly QueryValue[];

export interface QueryColumn {
  /** Unique within a result: a repeated name gets `:1`, `:2`, … */
  readonly name: string;
  /** In the engine's own words, upper case: `DOUBLE`, `TIMESTAMP WITH TIME ZONE`. */
  readonly type: string;
}

export interface QueryResult {
  /** Empty for a statement that delivers no rows. */
  readonly columns: readonly QueryColumn[];
  /**
   * Batches of rows, in order, fetched as they are asked for: about 2,000 rows are in memory at a time. To be iterated
   * once. Throws `QueryError` when the query fails half-way; a result that ends without a throw is whole.
   */
  readonly rows: AsyncIterable<readonly QueryRow[]>;
  /** Rows delivered so far; final when `rows` has ended. */
  readonly rowCount: number;
  /** True when `rows` has ended at `maxRows` although there was more. */
  readonly truncated: boolean;
  /** What the query cost, where the engine is paid for by the byte. */
  readonly cost?: QueryCost | undefined;
}

export interface QueryCost {
  readonly bytesScanned: number;
  /** Time that the engine worked, ms. */
  readonly engineMs: number;
  /** US dollars at the list price. */
  readonly dollars: number;
}

export interface RunOptions {
  /** Stops the query where it is; `run` or the iteration then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Deliver no more than so many rows. Default: all. */
  readonly maxRows?: number | undefined;
}

export interface TableInfo {
  readonly name: string;
  /** Empty while a view that is made on first use has not been used. */
  readonly columns: readonly QueryColumn[];
}

export interface MacroInfo {
  readonly name: string;
  /** How it is called: `ohlcv(symbol, bucket, since := NULL, until := NULL)`. */
  readonly signature: string;
  /** One sentence. */
  readonly doc: string;
}

/** What can be asked, for completion and `.tables`. */
export interface Catalog {
  readonly tables: readonly TableInfo[];
  readonly macros: readonly MacroInfo[];
}

/** Answers SQL about one committed snapshot. One query at a time: a new one ends the result before it. */
export interface QueryEngine {
  /** Runs one or more statements; the result is the last one's. Throws `QueryError`. */
  readonly run: (sql: string, options?: RunOptions) => Promise<QueryResult>;
  /** How the engine would run a statement, as text for people; nothing is run. */
  readonly explain?: ((sql: string, options?: Pick<RunOptions, 'signal'>) => Promise<string>) | undefined;
  /** Writes the rows of one SELECT as a Parquet file, without their passing through JavaScript. */
  readonly exportParquet?:
    | ((sql: string, options?: Pick<RunOptions, 'signal'>) => Promise<{ rows: number }>)
    | undefined;
  /** What can be asked. Like `run`, it ends the result before it. */
  readonly catalog: () => Promise<Catalog>;
  /** Ends a running query and frees everything. Later calls do nothing. */
  readonly close: () => Promise<void>;
}
