import type { IdRange, RangeSet } from '@schemahub/coverage';

/** Which budgets a call draws on, e.g. `{ budget: 'requests', tokens: 1 }`. */
export interface CallCost {
  readonly budget: string;
  readonly tokens: number;
}

export type CallPriority = 'head' | 'live' | 'backfill' | 'repair';

/** One GET to an exchange. It states its cost, so that a limiter can weigh it before it is sent. */
export interface ExchangeCall {
  readonly url: string;
  readonly cost: readonly CallCost[];
  /** The product it is about: what is set aside when the venue no longer serves it. */
  readonly subject?: string | undefined;
  readonly priority?: CallPriority | undefined;
  /**
   * Reads a reply that passed `classify` as the caller will; throws `ExchangeError` where its rows break the venue's
   * contract. Part of the attempt, so that breaker, metrics and retries see the failure. May be left out by a transport:
   * the caller then reads for itself.
   */
  readonly judge?: ((reply: ExchangeReply) => void) | undefined;
}

/** A whole reply: the body was read to its end before anyone judged it. */
export interface ExchangeReply {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** The `Date` header, ms since 1970; undefined where there was none. */
  readonly date?: number | undefined;
  /** From the sending of the request to the last byte, ms; undefined where nobody measured. */
  readonly elapsedMs?: number | undefined;
}

export interface SendOptions {
  readonly signal?: AbortSignal | undefined;
  /** Open a new connection for this call [a replica that lags must not answer twice]. */
  readonly freshConnection?: boolean | undefined;
  /**
   * Takes the body of a reply with status 200 as it comes; `body` is then empty, and the time-out counts from the last
   * byte. What it throws ends the call and is thrown as it is.
   */
  readonly sink?: ((chunk: Uint8Array) => Promise<void>) | undefined;
}

/** Sends one attempt: limiter, breaker, fetch with body, classify. Never retries; throws `ExchangeError`. */
export interface Transport {
  readonly send: (call: ExchangeCall, options?: SendOptions) => Promise<ExchangeReply>;
}

/** `ok`, or the error that this reply is. */
export type Outcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly error: import('./errors.js').ExchangeError };

export interface BudgetSpec {
  /** Tokens a second. */
  readonly rate: number;
  readonly burst: number;
}

/** What the transport must know about a venue. */
export interface ExchangePolicy {
  readonly budgets: Readonly<Record<string, BudgetSpec>>;
  readonly classify: (reply: ExchangeReply, call: ExchangeCall) => Outcome;
  /** Sent with every call (User-Agent, signature). */
  readonly headers: (call: ExchangeCall) => Readonly<Record<string, string>>;
}

/** A product as the venue's catalogue lists it. */
export interface Product {
  /** The venue's own id, used in URLs, keys and seeds. */
  readonly id: string;
  /** Canonical BASE-QUOTE. */
  readonly symbol: string;
  readonly base: string;
  readonly quote: string;
  readonly status: 'online' | 'offline' | 'delisted';
}

/** What one trade says, as columns see it. */
export interface TradeFacts {
  readonly id: number;
  /** The exchange's own text: 0 to 6 fraction digits. */
  readonly ts: string;
  /** The venue's own text of the side, not yet the taker's. */
  readonly side: string;
  readonly price: string;
  readonly quantity: string;
}

/**
 * All trades that exist in `window`, ascending by id and each once; `records` are verbatim slices of the bodies.
 * A row that one reply lacked is absent here too: absence proves nothing (see `probe`). The records keep the bodies alive.
 */
export interface TradePage {
  readonly window: IdRange;
  readonly ids: Float64Array;
  readonly records: readonly Uint8Array[];
  /** Time text of the first and last record; empty strings when there is none. */
  readonly firstTime: string;
  readonly lastTime: string;
  /**
   * The greatest id that the venue returned below the window, when the window itself is (partly) empty:
   * nothing was returned between it and the window's first row. It proves nothing; it only saves requests.
   */
  readonly nextBelow?: number | undefined;
  /** The same for a venue that pages upwards: the least id that it returned above the window. */
  readonly nextAbove?: number | undefined;
  /** Milliseconds since 1970, by our clock, when the last body had been read. */
  readonly receivedAt: number;
  /** The `Date` header of the last reply. */
  readonly date?: number | undefined;
  /** Bytes of the bodies, and requests used. */
  readonly bytes: number;
  readonly requests: number;
  /** How long the exchange took for them, ms, without waits at the limiter; undefined where nobody measured. */
  readonly elapsedMs?: number | undefined;
  /** Rows without an id whose number does not fit between their neighbours: kept beside the table. */
  readonly unnumbered?: readonly UnnumberedRows[] | undefined;
}

/** Rows that came between two trades and have no id. */
export interface UnnumberedRows {
  /** Ids of the trades around them. */
  readonly lower: number;
  readonly upper: number;
  readonly records: readonly Uint8Array[];
}

/** The newest trade of a product as a row, and when it was seen. */
export interface Head {
  readonly trade: TradeFacts;
  readonly date?: number | undefined;
}

/** One attestation request around a hole: the ids of the (at most two) rows, descending, and what was asked. */
export interface ProbeAnswer {
  readonly request: string;
  readonly ids: readonly number[];
  /** Time text of the first row (the anchor U). */
  readonly anchorTime: string;
  /** `Date` header, ms since 1970. */
  readonly date?: number | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly priority?: CallPriority | undefined;
}

export interface ProbeOptions extends CallOptions {
  readonly freshConnection?: boolean | undefined;
  /** The held trade below the hole. */
  readonly lower?: number | undefined;
}

/** One UTC day (`2024-05-01`) or one month (`2024-05`) of a product's trades. */
export interface ArchivePeriod {
  readonly kind: 'day' | 'month';
  readonly name: string;
}

/** Files of whole days and months that a venue keeps beside its API: one download instead of thousands of pages. */
export interface TradeArchive {
  /** Base URL; evidence names it. */
  readonly origin: string;
  /** No file is older than this month. */
  readonly firstMonth: string;
  /** Whether there is a file: one small request. Throws `ExchangeError`. */
  readonly exists: (product: string, period: ArchivePeriod, options?: CallOptions) => Promise<boolean>;
  /**
   * Downloads a file to scratch space, checks it against its checksum and looks through it whole, before any row of it is
   * given; undefined: there is no such file (yet). Throws `ExchangeError`: transient `body` for one that is damaged.
   */
  readonly open: (product: string, period: ArchivePeriod, options?: CallOptions) => Promise<ArchiveFile | undefined>;
}

/** A checked file. A row that it lacks proves nothing: it is asked for over the API. */
export interface ArchiveFile {
  /** Path below the archive's origin. */
  readonly request: string;
  /** Of the file as it was downloaded, hex. */
  readonly sha256: string;
  /** Size of the download. */
  readonly bytes: number;
  /** Ids with exactly one readable row. */
  readonly ids: RangeSet;
  /** Rows that are not taken: unreadable, or of ids that come more than once. */
  readonly leftOut: number;
  /** The `Date` header of the download, ms since 1970. */
  readonly date?: number | undefined;
  /**
   * The rows of `wanted` as pages: each within one cell of the grid and without a hole, as records with the API's members.
   * Reads the file once; holds at most about 100,000 rows.
   */
  readonly pages: (wanted: RangeSet) => AsyncIterable<TradePage>;
  /** Gives the scratch space back. */
  readonly close: () => Promise<void>;
}

/** A venue whose trades are addressed by id: windows may be asked in any order and in parallel. */
export interface WindowedConnector {
  readonly kind: 'windowed';
  /** Lower case: `coinbase`. */
  readonly exchange: string;
  /** Base URL; a lake remembers it per product. */
  readonly origin: string;
  /** Greatest number of ids in one window, and the width of the fixed grid. */
  readonly gridSize: number;
  readonly proof: 'id-contiguous' | 'cursor-chained';
  /** Windows must be asked oldest first and one at a time: pages follow each other. */
  readonly isSequential?: boolean | undefined;
  readonly listProducts: (options?: CallOptions) => Promise<readonly Product[]>;
  /** The product's catalogue row, or undefined when the venue does not know it. */
  readonly findProduct: (product: string, options?: CallOptions) => Promise<Product | undefined>;
  /** The newest row; undefined when the product has no trade. */
  readonly fetchHead: (product: string, options?: CallOptions) => Promise<Head | undefined>;
  /** Every trade in the window (at most gridSize ids). Pages that end early are continued. */
  readonly fetchWindow: (product: string, window: IdRange, options?: CallOptions) => Promise<TradePage>;
  /** The `limit` greatest trades with id ≤ `upTo`, as facts, descending: for seeking and for finding the floor. */
  readonly fetchBelow: (
    product: string,
    upTo: number,
    limit: number,
    options?: CallOptions,
  ) => Promise<readonly TradeFacts[]>;
  /**
   * The two-row question on `upper`: which trade is next below it? A venue that pages upwards asks from `lower`, the
   * held trade below the hole; without it the question takes more than one request and attests nothing.
   */
  readonly probe: (product: string, upper: number, options?: ProbeOptions) => Promise<ProbeAnswer>;
  /** The least id executed at or after an instant (µs since 1970), where the venue can be asked by time; undefined: none. */
  readonly firstAt?:
    | ((product: string, micros: number, options?: CallOptions) => Promise<number | undefined>)
    | undefined;
  /** Files of whole days and months, where the venue keeps some and the program may use them. */
  readonly archive?: TradeArchive | undefined;
  /** The facts of one raw record. Throws `SyntaxError` on damage. */
  readonly parseTrade: (record: Uint8Array) => TradeFacts;
  /** A record line (without line end) as the raw layer keeps it, up to and without `,"_source_ingest_ts"`. */
  readonly rawLine: (product: Product, record: Uint8Array, options: { rawPayload: boolean }) => Uint8Array;
}

/** A row of a page by time. */
export interface CursorRow {
  /** Undefined where the venue sent none. */
  readonly id: number | undefined;
  readonly record: Uint8Array;
  readonly facts: Omit<TradeFacts, 'id'>;
}

/** A page of a venue that pages by time. */
export interface CursorPage {
  /** Oldest first, as they came. */
  readonly rows: readonly CursorRow[];
  /** Where the next page begins: it may repeat rows of this one, and it lacks none after them. */
  readonly next: bigint;
  /** What was asked, for evidence. */
  readonly request: string;
  readonly receivedAt: number;
  readonly date?: number | undefined;
  readonly bytes: number;
}

/**
 * A venue whose trades are addressed by time: pages follow each other, and a window of ids has to be looked for.
 * `windowsOverCursor` of connector-kit makes a windowed connector of it.
 */
export interface CursorConnector
  extends Pick<
    WindowedConnector,
    'exchange' | 'origin' | 'gridSize' | 'listProducts' | 'findProduct' | 'parseTrade' | 'rawLine'
  > {
  readonly kind: 'cursor';
  readonly proof: 'cursor-chained';
  /** The newest page; its last row with an id is the head. */
  readonly fetchNewest: (product: string, options?: CallOptions) => Promise<CursorPage>;
  /** Rows of a full page. */
  readonly pageLimit: number;
  /** At most `pageLimit` rows from the cursor on: ns since 1970; 0 for the first trades. */
  readonly fetchFrom: (
    product: string,
    cursor: bigint,
    options?: CallOptions & { freshConnection?: boolean | undefined },
  ) => Promise<CursorPage>;
  /** A cursor that lies before a trade of this time and misses none of that instant. */
  readonly cursorBefore: (micros: number) => bigint;
  /** A row's record with an id that its neighbours gave it. */
  readonly withId: (record: Uint8Array, id: number) => Uint8Array;
}

export type Connector = WindowedConnector | CursorConnector;
