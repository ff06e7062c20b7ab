import { RangeSet } from '@schemahub/coverage';
import { BLOCK_IDS, type CommitProduct, type FileList } from '@schemahub/lake';
import type { Finding } from './certificate/index.js';
import { type FindingCode, findingOf, idsText } from './findings.js';
import type { AuditTable } from './read-table.js';

/** What a file list amounts to, after the check against the commit and the objects that exist. */
export interface CheckedList {
  /** Ids of the files that exist. */
  readonly present: RangeSet;
  readonly findings: readonly Finding[];
}

const RESTORE = 'Restore it from a backup of the lake, or run: schemahub transform --rebuild';

/** Checks one product's file list without opening a data file. Pure. */
export function checkList(list: FileList, table: Pick<AuditTable, 'commit' | 'objects'>): CheckedList {
  const { exchange, productId } = list;
  const listed = table.commit?.products.find((one) => one.exchange === exchange && one.product_id === productId);
  const findings: Finding[] = [];
  const report = (code: FindingCode, key: string | undefined, message: string): void => {
    findings.push(findingOf(code, { exchange, productId, key }, message));
  };
  let all = RangeSet.empty;
  let present = RangeSet.empty;
  for (const file of list.files) {
    const { path } = file;
    const size = table.objects.get(path);
    if (size === undefined) report('missing-parquet', path, `${path}: the table names it, but it is gone. ${RESTORE}`);
    else if (size !== file.bytes)
      report('damaged-parquet', path, `${path}: has ${size} bytes, the table says ${file.bytes}. ${RESTORE}`);
    if (file.ids.count !== file.rows)
      report(
        'file-list-differs',
        path,
        `${path}: is listed with ${file.rows} rows and ${file.ids.count} ids. ${RESTORE}`,
      );
    const block = RangeSet.of(file.block * BLOCK_IDS, file.block * BLOCK_IDS + BLOCK_IDS - 1);
    if (!file.ids.difference(block).isEmpty)
      report('file-list-differs', path, `${path}: is listed in block ${file.block} with ids outside it. ${RESTORE}`);
    const twice = all.intersect(file.ids);
    if (!twice.isEmpty)
      report('row-twice', path, `${path}: is listed with ${idsText(twice)} that another file holds. ${RESTORE}`);
    all = all.union(file.ids);
    if (size !== undefined) present = present.union(file.ids);
  }
  if (!all.equals(list.present)) {
    const odd = all.difference(list.present).union(list.present.difference(all));
    const problem = `${idsText(odd)} are in the list's present or in its files, but not in both`;
    report('file-list-differs', listed?.list, `${exchange} ${productId}: ${problem}. ${RESTORE}`);
  }
  for (const problem of listed === undefined ? [] : againstCommit(list, listed))
    report('commit-differs', listed?.list, `${exchange} ${productId}: ${problem}. ${RESTORE}`);
  return { present, findings };
}

/** The commit repeats sums of the list, so that nobody must open it to count. */
function* againstCommit(list: FileList, listed: CommitProduct): Generator<string> {
  const sums = {
    files: list.files.length,
    rows: list.files.reduce((sum, { rows }) => sum + rows, 0),
    bytes: list.files.reduce((sum, { bytes }) => sum + bytes, 0),
    symbol: list.symbol,
  };
  for (const [name, value] of Object.entries(sums)) {
    const said = listed[name as keyof typeof sums];
    if (said !== value) yield `the commit says ${name} ${said}, its file list ${value}`;
  }
}
