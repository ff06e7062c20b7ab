import { ScannerStateError } from './errors.js';
import type { RawFields } from './json-record.js';
import { RAW_LAYER_FIELDS } from './mapping.js';
import type { DamagedLine, RefusedRecord, ScanReport, SourceScan } from './scan-report.js';

/** The accounts of a scan: every line ends as a row, skipped, refused, damaged or empty. */
export interface ScanLedger {
  /** Of the source that is open; undefined between sources. */
  readonly current: SourceAccount | undefined;
  /** The same, or a ScannerStateError where none is open. */
  readonly open: () => SourceAccount;
  readonly begin: (source: string, rowsWaiting: number) => SourceAccount;
  readonly end: () => SourceScan;
  /** Takes the last source back; gives the number of rows that were waiting before it. */
  readonly discard: () => number;
  /** Rows left the scanner: the last source cannot be taken back any more. */
  readonly taken: () => void;
  readonly seeFields: (fields: RawFields) => void;
  readonly refuse: (id: number | string, reason: string, record: Uint8Array) => void;
  readonly damage: (reason: string) => void;
  readonly report: () => ScanReport;
}

/** What one source did so far; the scanner counts in it directly. */
export interface SourceAccount {
  readonly source: string;
  readonly rowsBefore: number;
  readonly refusedBefore: number;
  readonly damagedBefore: number;
  /** The 1-based number of the line being read. */
  line: number;
  rows: number;
  skipped: number;
  slowLines: number;
  refused: number;
  damaged: number;
  inexactDecimals: number;
  decimalOverflows: number;
  bytes: number;
  /** NaN before the first record. */
  firstId: number;
  lastId: number;
  ascending: boolean;
}

type Totals = Pick<
  SourceAccount,
  'rows' | 'skipped' | 'slowLines' | 'refused' | 'damaged' | 'inexactDecimals' | 'decimalOverflows' | 'bytes'
>;

/** Memory that listed refusals may take; a refused record may be as long as a line. */
const MOST_REFUSED_BYTES = 64 * 2 ** 20;
/** Field names come from the records; neither many nor long ones may fill the memory. */
const MOST_NEW_FIELDS = 256;
const LONGEST_FIELD_NAME = 256;

export interface ScanLedgerOptions {
  /** Fields that the mapping reads. */
  readonly mappedFields: ReadonlySet<string>;
  readonly maxRefusals: number;
}

export function createScanLedger({ mappedFields, maxRefusals }: ScanLedgerOptions): ScanLedger {
  const totals = noTotals();
  const lists = createRefusalLists(maxRefusals);
  const fields = createFieldWatch(mappedFields);
  let current: SourceAccount | undefined;
  // The current source or the one just ended; its counts are not among the totals yet.
  let last: SourceAccount | undefined;
  let canDiscard = false;

  const open = (): SourceAccount => {
    if (current === undefined) throw new ScannerStateError('No source is open; call begin(source) before feed or end.');
    return current;
  };

  return {
    get current() {
      return current;
    },
    open,
    begin: (source, rowsWaiting) => {
      if (current !== undefined) {
        const problem = `Source ${current.source} is still open; call end() or discard() before begin("${source}").`;
        throw new ScannerStateError(problem);
      }
      if (last !== undefined) addTo(totals, last);
      current = openAccount(source, rowsWaiting, lists.refused.length, lists.damaged.length);
      last = current;
      canDiscard = true;
      return current;
    },
    end: () => {
      const account = open();
      current = undefined;
      return closeAccount(account);
    },
    discard: () => {
      if (last === undefined || !canDiscard) {
        const problem =
          'There is no source to discard, or some of its rows were taken already; call discard() before take().';
        throw new ScannerStateError(problem);
      }
      lists.cutTo(last.refusedBefore, last.damagedBefore);
      const { rowsBefore } = last;
      current = undefined;
      last = undefined;
      return rowsBefore;
    },
    taken: () => {
      canDiscard = false;
    },
    seeFields: fields.see,
    refuse: (id, reason, record) => lists.refuse(open(), id, reason, record),
    damage: (reason) => lists.damage(open(), reason),
    report: () => {
      const sums = { ...totals };
      if (last !== undefined) addTo(sums, last);
      return { ...sums, ...lists.listed(sums), newFields: fields.newFields(), vanishedFields: fields.vanishedFields() };
    },
  };
}

function noTotals(): Totals {
  return {
    rows: 0,
    skipped: 0,
    slowLines: 0,
    refused: 0,
    damaged: 0,
    inexactDecimals: 0,
    decimalOverflows: 0,
    bytes: 0,
  };
}

interface RefusalLists {
  readonly refused: readonly RefusedRecord[];
  readonly damaged: readonly DamagedLine[];
  /** Counts a refused record, and lists it while there is room. */
  readonly refuse: (account: SourceAccount, id: number | string, reason: string, record: Uint8Array) => void;
  readonly damage: (account: SourceAccount, reason: string) => void;
  readonly cutTo: (refused: number, damaged: number) => void;
  /** The lists as they are now, and how many they leave out. */
  readonly listed: (totals: Totals) => Pick<ScanReport, 'refused' | 'refusedBeyond' | 'damaged' | 'damagedBeyond'>;
}

function createRefusalLists(maxRefusals: number): RefusalLists {
  const refused: RefusedRecord[] = [];
  const damaged: DamagedLine[] = [];
  let refusedBytes = 0;
  return {
    refused,
    damaged,
    refuse: (account, id, reason, record) => {
      account.refused += 1;
      if (refused.length >= maxRefusals || refusedBytes + record.length > MOST_REFUSED_BYTES) return;
      refusedBytes += record.length;
      // A copy: the line lies in a chunk that its owner may use again.
      refused.push({ source: account.source, line: account.line, id, reason, record: record.slice() });
    },
    damage: (account, reason) => {
      account.damaged += 1;
      if (damaged.length < maxRefusals) damaged.push({ source: account.source, line: account.line, reason });
    },
    cutTo: (refusedCount, damagedCount) => {
      refused.length = refusedCount;
      damaged.length = damagedCount;
      refusedBytes = refused.reduce((sum, entry) => sum + entry.record.length, 0);
    },
    listed: (totals) => ({
      refused: [...refused],
      refusedBeyond: totals.refused - refused.length,
      damaged: [...damaged],
      damagedBeyond: totals.damaged - damaged.length,
    }),
  };
}

function openAccount(source: string, rowsBefore: number, refusedBefore: number, damagedBefore: number): SourceAccount {
  return {
    source,
    rowsBefore,
    refusedBefore,
    damagedBefore,
    line: 0,
    rows: 0,
    skipped: 0,
    slowLines: 0,
    refused: 0,
    damaged: 0,
    inexactDecimals: 0,
    decimalOverflows: 0,
    bytes: 0,
    firstId: Number.NaN,
    lastId: Number.NaN,
    ascending: true,
  };
}

function closeAccount(account: SourceAccount): SourceScan {
  const { source, rows, skipped, refused, damaged, bytes, firstId, lastId, ascending } = account;
  const id = (value: number): number | undefined => (Number.isNaN(value) ? undefined : value);
  return {
    source,
    records: rows + skipped + refused,
    rows,
    skipped,
    refused,
    damaged,
    firstId: id(firstId),
    lastId: id(lastId),
    ascending,
    bytes,
  };
}

function addTo(totals: Totals, account: SourceAccount): void {
  for (const key of Object.keys(totals) as (keyof Totals)[]) totals[key] += account[key];
}

/** Which fields the records have, against those that the mapping reads. */
function createFieldWatch(mapped: ReadonlySet<string>): {
  readonly see: (fields: RawFields) => void;
  readonly newFields: () => string[];
  readonly vanishedFields: () => string[];
} {
  const known = new Set([...mapped, ...RAW_LAYER_FIELDS]);
  const met = new Set<string>();
  const unknown = new Set<string>();
  let records = 0;
  return {
    see: (fields) => {
      records += 1;
      for (const name of fields.keys()) {
        if (mapped.has(name)) met.add(name);
        else if (!known.has(name) && unknown.size < MOST_NEW_FIELDS) unknown.add(name.slice(0, LONGEST_FIELD_NAME));
      }
    },
    newFields: () => [...unknown].sort(),
    vanishedFields: () => (records === 0 ? [] : [...mapped].filter((name) => !met.has(name)).sort()),
  };
}
