import type { Account } from '@schemahub/coverage';
import { type CheckedProduct, checkProduct } from './check-product.js';
import type { AuditProduct } from './read-product.js';
import type { AuditTable } from './read-table.js';

/** What is held of one product, in numbers. */
export interface ProductStatus {
  readonly exchange: string;
  readonly product_id: string;
  readonly symbol: string | null;
  readonly wanted: number;
  readonly in_table: number;
  readonly void: number;
  readonly quarantined: number;
  readonly raw_only: number;
  readonly missing: number;
  /** Share of wanted ids that are not missing, 0 … 1; 1 only when none is. Null while nothing is wanted. */
  readonly coverage: number | null;
  readonly head: { readonly id: number; readonly seen_at: string } | null;
  /** Times of the first and last trade in the table, RFC 3339 with ms. */
  readonly first_trade: string | null;
  readonly last_trade: string | null;
  /** Seconds since the newest trade that is held, in the table or raw; null when its time is not known. */
  readonly lag_seconds: number | null;
  readonly closed: string | null;
  /** Damage that names, sizes and documents show; `verify` tells what it is. */
  readonly findings: number;
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}

function coverageOf({ wanted, missing }: Account): number | null {
  if (wanted.isEmpty) return null;
  if (missing.isEmpty) return 1;
  // Never rounded up to whole: the last id that is missing shows.
  return Math.min((wanted.count - missing.count) / wanted.count, 1 - Number.EPSILON);
}

/** Newest time that is known: the checkpoint's last trade, or the end of the table. */
function newestMs({ product, list }: CheckedProduct): number | undefined {
  const times = (list?.files ?? []).map(({ maxTs }) => maxTs / 1000);
  const last = Date.parse(product.checkpoint?.lastTrade?.ts ?? '');
  if (Number.isFinite(last)) times.push(last);
  return times.length === 0 ? undefined : times.reduce((a, b) => Math.max(a, b));
}

/** One product's numbers. Pure; `now` in ms since 1970. */
export function statusOf(product: AuditProduct, table: AuditTable, now: number): ProductStatus {
  const checked = checkProduct(product, table);
  const { account, list } = checked;
  const { evidence } = product;
  const files = list?.files ?? [];
  const newest = newestMs(checked);
  return {
    exchange: product.exchange,
    product_id: product.productId,
    symbol: evidence.symbol ?? list?.symbol ?? null,
    wanted: account.wanted.count,
    in_table: account.inTable.count,
    void: account.void.count,
    quarantined: account.quarantined.count,
    raw_only: account.rawOnly.count,
    missing: account.missing.count,
    coverage: coverageOf(account),
    head: evidence.head === undefined ? null : { id: evidence.head.id, seen_at: evidence.head.seenAt },
    first_trade:
      files.length === 0
        ? null
        : timeText(files.reduce((least, { minTs }) => Math.min(least, minTs), Number.MAX_SAFE_INTEGER) / 1000),
    last_trade:
      files.length === 0 ? null : timeText(files.reduce((most, { maxTs }) => Math.max(most, maxTs), 0) / 1000),
    lag_seconds: newest === undefined ? null : Math.max(0, Math.round((now - newest) / 1000)),
    closed: evidence.closed?.status ?? null,
    findings: checked.findings.filter(({ severity }) => severity === 'damage').length,
  };
}
