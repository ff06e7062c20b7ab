/** Athena as the engine needs it: four verbs, implemented over the SDK in `athena.ts`. Failures are `QueryError`. */
export interface AthenaPort {
  /** Begins a query; `token` makes a repeated start the same query. Returns its id. */
  readonly start: (query: {
    readonly sql: string;
    readonly database: string;
    readonly workgroup: string;
    readonly token: string;
  }) => Promise<string>;
  readonly look: (id: string) => Promise<AthenaState>;
  /** A page of at most 1,000 rows; `next` is absent on the last one. */
  readonly page: (id: string, next: string | undefined) => Promise<AthenaPage>;
  readonly stop: (id: string) => Promise<void>;
}

export type AthenaState =
  | { readonly state: 'running' }
  | { readonly state: 'succeeded'; readonly bytesScanned: number; readonly engineMs: number }
  | { readonly state: 'failed' | 'cancelled'; readonly reason: string; readonly bytesScanned: number };

export interface AthenaPage {
  /** Names and types in Athena's words: `bigint`, `timestamp with time zone`. */
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** Text as Athena prints it; null is null. The first row of the first page holds the names again where the statement is a SELECT. */
  readonly rows: readonly (readonly (string | null)[])[];
  readonly next: string | undefined;
}
