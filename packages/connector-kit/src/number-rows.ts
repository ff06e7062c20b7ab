import type { CursorConnector, CursorRow, TradeFacts, UnnumberedRows } from '@schemahub/core';
import { equalTrades } from './equal-trades.js';
import { contractBreak } from './errors.js';

/** A row that has its id. */
export interface NumberedRow {
  readonly id: number;
  readonly record: Uint8Array;
  readonly facts: TradeFacts;
}

/** Where a chain of pages has come. */
export interface Chain {
  /** Greatest id that was seen; −1 before the first. */
  readonly seen: number;
  /** Whether nothing can lie between `seen` and the next row: the chain did not begin in the middle of the history. */
  readonly isJoined: boolean;
  /** Rows without an id since `seen`. */
  readonly pending: readonly CursorRow[];
}

export interface Numbered {
  readonly chain: Chain;
  readonly rows: readonly NumberedRow[];
  readonly unnumbered: readonly UnnumberedRows[];
}

function isSame(a: CursorRow, b: CursorRow): boolean {
  return Buffer.compare(a.record, b.record) === 0;
}

/** Rows at the start of a page that the chain's last rows were already: the longest end of the one that begins the other. */
function overlapOf(before: readonly CursorRow[], rows: readonly CursorRow[]): number {
  for (let count = Math.min(before.length, rows.length); count > 0; count--) {
    const end = before.slice(-count);
    if (end.every((row, at) => isSame(row, rows[at]!))) return count;
  }
  return 0;
}

/** Ids ascend, whatever order a page came in; rows without an id keep their places, so such a page is left as it is. */
function inOrder(rows: readonly CursorRow[]): readonly CursorRow[] {
  if (rows.some(({ id }) => id === undefined)) return rows;
  return rows.every((row, at) => at === 0 || rows[at - 1]!.id! <= row.id!)
    ? rows
    : [...rows].sort((a, b) => a.id! - b.id!);
}

function sameTrade(a: NumberedRow, b: NumberedRow, url: string): void {
  if (!equalTrades(a.facts, b.facts)) throw contractBreak(`trade ${a.id} came twice with different contents`, { url });
}

/** Gives the rows between two numbered ones their ids, when as many came as fit between them (SPEC §2). */
function settle(chain: Chain, upper: number, withId: CursorConnector['withId']): Omit<Numbered, 'chain'> {
  const { seen, isJoined, pending } = chain;
  if (pending.length === 0) return { rows: [], unnumbered: [] };
  if (isJoined && seen >= 0 && upper - seen - 1 === pending.length) {
    const rows = pending.map(({ record, facts }, at): NumberedRow => {
      const id = seen + 1 + at;
      return { id, record: withId(record, id), facts: { ...facts, id } };
    });
    return { rows, unnumbered: [] };
  }
  // Without a numbered trade below they may be any rows of any number: the next run meets them again from there.
  if (!isJoined) return { rows: [], unnumbered: [] };
  return { rows: [], unnumbered: [{ lower: Math.max(0, seen), upper, records: pending.map(({ record }) => record) }] };
}

/**
 * Follows a chain of pages: drops rows that were seen, numbers rows without an id by their neighbours, and keeps those
 * that cannot be numbered apart. `url` names the page in errors.
 */
export function numberRows(
  chain: Chain,
  page: readonly CursorRow[],
  withId: CursorConnector['withId'],
  url: string,
): Numbered {
  const rows: NumberedRow[] = [];
  const unnumbered: UnnumberedRows[] = [];
  let { seen, isJoined } = chain;
  let pending = [...chain.pending];
  const skipped = pending.length > 0 ? overlapOf(chain.pending, page) : 0;
  for (const row of inOrder(page.slice(skipped))) {
    const { id } = row;
    if (id === undefined) {
      pending.push(row);
      continue;
    }
    const numbered = { id, record: row.record, facts: { ...row.facts, id } };
    const last = rows.at(-1);
    if (id <= seen) {
      // A repeated row: what came before it without an id was seen as well.
      pending = [];
      const first = last?.id === id ? last : undefined;
      if (first !== undefined) sameTrade(first, numbered, url);
      continue;
    }
    const settled = settle({ seen, isJoined, pending }, id, withId);
    rows.push(...settled.rows, numbered);
    unnumbered.push(...settled.unnumbered);
    pending = [];
    seen = id;
    isJoined = true;
  }
  return { chain: { seen, isJoined, pending }, rows, unnumbered };
}
