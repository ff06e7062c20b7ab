/** A record of a sound object that the mapping refuses. */
export interface RefusedRecord {
  readonly source: string;
  /** 1-based. */
  readonly line: number;
  readonly id: number | string;
  readonly reason: string;
  /** The line without its end, byte for byte. */
  readonly record: Uint8Array;
}

/** A line that is no JSON object or has no id: the object it stands in is damaged. */
export interface DamagedLine {
  readonly source: string;
  /** 1-based. */
  readonly line: number;
  readonly reason: string;
}

/** What a scanner met since it was created, discarded sources left out. */
export interface ScanReport {
  /** Rows put into columns. */
  readonly rows: number;
  /** Records whose id `keepId` did not want. */
  readonly skipped: number;
  /** Lines that went through the interpreter, because no learned shape fitted. Many of them cost speed, nothing else. */
  readonly slowLines: number;
  /** Refused records, at most `maxRefusals` and 64 MiB of them. */
  readonly refused: readonly RefusedRecord[];
  /** Refused records beyond those listed; their ids are unknown to the report. */
  readonly refusedBeyond: number;
  /** Damaged lines, at most `maxRefusals`. */
  readonly damaged: readonly DamagedLine[];
  readonly damagedBeyond: number;
  /** Raw fields that no rule reads and the raw layer does not add, sorted; at most 256. Discarded sources count. */
  readonly newFields: readonly string[];
  /** Fields that the mapping reads and no record had, sorted; none while there was no record. */
  readonly vanishedFields: readonly string[];
  /** Decimal texts that their DOUBLE does not give back. */
  readonly inexactDecimals: number;
  /** Decimal texts beyond DECIMAL(38,18), held as null. */
  readonly decimalOverflows: number;
  /** Bytes fed. */
  readonly bytes: number;
}

/** What one source held, damaged lines aside: enough to check it against its name. */
export interface SourceScan {
  readonly source: string;
  /** Records with an id: rows, skipped and refused. */
  readonly records: number;
  readonly rows: number;
  readonly skipped: number;
  readonly refused: number;
  readonly damaged: number;
  /** Undefined without records, and for text ids. */
  readonly firstId: number | undefined;
  readonly lastId: number | undefined;
  /** Whether each id was greater than the one before; false for text ids of more than one record. */
  readonly ascending: boolean;
  readonly bytes: number;
}
