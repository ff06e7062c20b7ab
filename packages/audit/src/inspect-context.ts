import type { ColumnBatch, TableSchema } from '@schemahub/columns';
import type { RangeSet } from '@schemahub/coverage';
import type { DataFile, FileList, RawName, ReadId, VoidRun } from '@schemahub/lake';
import type { Interpreter } from '@schemahub/mapping-engine';
import type { ObjectStore } from '@schemahub/object-store';
import type { AuditProduct } from './read-product.js';

/** What a deep inspection is done with, source by source. */
export interface InspectProduct {
  readonly product: AuditProduct;
  readonly list: FileList | undefined;
  readonly readId: ReadId;
  /** The plain reading of the mapping that the table was made with, for `schema`. */
  readonly interpret: Interpreter;
}

/** A held trade above a void run, and when its first answer was given: it must have been settled by then. */
export interface UpperTrade {
  readonly run: VoidRun;
  readonly key: string | undefined;
  readonly answeredAt: number;
}

/** What the inspection of one product shares. */
export interface InspectContext extends InspectProduct {
  readonly store: ObjectStore;
  readonly schema: TableSchema;
  readonly nameIndex: (ids: RangeSet) => readonly RawName[];
  /** Ids of objects that are reported already: rows that rest on them alone are not reported again. */
  readonly excused: RangeSet;
  readonly uppers: ReadonlyMap<number, UpperTrade>;
  readonly signal: AbortSignal | undefined;
}

/** The rows of one data file, and where each id is. */
export interface FileRows {
  readonly file: DataFile;
  /** The columns that the file has, as the table has them. */
  readonly batch: ColumnBatch;
  /** Rows ascending by id. */
  readonly byId: Uint32Array;
  /** The ids, in the order of `byId`. */
  readonly ids: Float64Array;
}
