/** How bad a finding is: `damage` ends a verification with 4, `notice` is only said. */
export type Severity = 'damage' | 'notice';

/** One thing that is not as it should be, or worth knowing, with what to do. */
export interface Finding {
  /** Stable: see the table in the package's README. */
  readonly code: string;
  readonly severity: Severity;
  /** Null where it is about the whole table. */
  readonly exchange: string | null;
  readonly product_id: string | null;
  /** The object that it is about. */
  readonly key: string | null;
  readonly message: string;
}

export type Verdict = 'complete' | 'incomplete' | 'damaged';

/** `names`: names, sizes and documents were checked; `deep`: every byte was read again. */
export type Depth = 'names' | 'deep';

/** Ids as text, `1-5000,5046`, and how many they are. */
export interface CountedIds {
  readonly count: number;
  readonly ids: string;
}

/** Every wanted id, in exactly one of these. */
export interface CertificateAccount {
  readonly in_table: CountedIds;
  /** Attested as never issued. */
  readonly void: CountedIds;
  /** Refused by the mapping; the records are kept. */
  readonly quarantined: CountedIds;
  readonly raw_only: CountedIds;
  readonly missing: CountedIds;
}

/** One request that was made as evidence, and the ids of its answer. */
export interface CertificateProbe {
  readonly request: string;
  readonly ids: readonly number[];
  /** The exchange's `Date`, RFC 3339. */
  readonly date: string | null;
  readonly fresh_connection: boolean;
}

/** Ids first … last were never issued: two answers said that nothing is between the held trades lower and upper. */
export interface CertificateVoidRun {
  readonly first: number;
  readonly last: number;
  readonly lower: number;
  readonly upper: number;
  readonly probes: readonly CertificateProbe[];
}

export interface CertificateRawObject {
  readonly key: string;
  readonly first: number;
  readonly last: number;
  readonly count: number;
  /** 1, or 2, 3 … for the good copy of a condemned object. */
  readonly revision: number;
}

export interface CertificateDataFile {
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: string;
  readonly ids: string;
}

/** What is known of one product. */
export interface CertificateProduct {
  readonly exchange: string;
  readonly product_id: string;
  readonly symbol: string | null;
  /** Base URL that its trades came from. */
  readonly origin: string | null;
  /** Strength of proof: `id-contiguous` or `cursor-chained`. */
  readonly proof: string;
  readonly verdict: Verdict;
  /** What the user asked for; open upwards as `5-`. */
  readonly asked: string;
  readonly anchor: number | null;
  /** Lowest id that the exchange serves, with the requests that showed it. */
  readonly floor: { readonly id: number; readonly requests: readonly CertificateProbe[] } | null;
  readonly head: { readonly id: number; readonly seen_at: string } | null;
  readonly closed: { readonly status: string; readonly seen_at: string; readonly note: string } | null;
  /** asked ∩ floor … head. */
  readonly wanted: CountedIds;
  readonly account: CertificateAccount;
  /** Missing ids between held trades that are too young to be settled. */
  readonly unsettled: CountedIds;
  readonly void_runs: readonly CertificateVoidRun[];
  /** How often the watermark may have fallen: condemned raw objects. */
  readonly epoch: number;
  readonly condemned: readonly { readonly key: string; readonly reason: string }[];
  /** Rows without an id that could not be numbered; they are not in the table. */
  readonly unnumbered: number;
  readonly raw: {
    readonly rows: number;
    readonly ids: CountedIds;
    /** Digest of the sorted names of the sound raw objects. */
    readonly digest: string;
    readonly objects: readonly CertificateRawObject[];
  };
  readonly table: { readonly rows: number; readonly bytes: number; readonly files: readonly CertificateDataFile[] };
}

/** What a lake holds and proves, at one commit. Anyone can check it again offline. */
export interface Certificate {
  readonly version: 1;
  readonly verdict: Verdict;
  /** The commit that it is about; null in a lake without a table. */
  readonly commit: { readonly number: number; readonly sha256: string; readonly time: string | null } | null;
  readonly table_version: number | null;
  readonly schema_hash: string | null;
  readonly mapping_hashes: Readonly<Record<string, string>>;
  /** RFC 3339. */
  readonly verified_at: string;
  readonly depth: Depth;
  readonly totals: {
    readonly products: number;
    readonly wanted: number;
    readonly in_table: number;
    readonly void: number;
    readonly quarantined: number;
    readonly raw_only: number;
    readonly missing: number;
  };
  readonly products: readonly CertificateProduct[];
  readonly findings: readonly Finding[];
}
