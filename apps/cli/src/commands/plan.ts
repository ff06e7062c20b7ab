import { type ArchivePlan, cutTradesOf, type ProductResult, runIngest } from '@schemahub/ingest';
import { openExchange } from '@schemahub/runtime/exchange';
import { createIngestContext, ingestSettings } from '@schemahub/runtime/ingest';
import { openLake } from '@schemahub/runtime/lake';
import { loadSeed } from '@schemahub/runtime/seed';
import { backfillDollars } from '@schemahub/runtime/traffic';
import { type CommandRun, type Invocation, isSet, textFlag } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { createFetchLog } from '../fetch-log.js';
import { byReason, bytesText, durationText, grouped, say, textTable } from '../text-table.js';

/** Bytes of one trade: compressed raw line, and Parquet row (docs/performance.md). */
const RAW_BYTES = 32;
const PARQUET_BYTES = 11;

interface PlanRow {
  readonly product_id: string;
  readonly head: number | null;
  readonly trades: number;
  readonly pages: number;
  readonly reason: string | null;
  /** What would come from the venue's own files; the pages are for the rest. */
  readonly archive: ArchivePlan | null;
}

function rowOf({ productId, progress, reason }: ProductResult): PlanRow {
  const archive = progress?.archive ?? null;
  const [trades, pages] = [progress?.todo ?? 0, progress?.pages ?? 0];
  return {
    product_id: productId,
    head: progress?.head?.trade.id ?? null,
    trades,
    pages: archive === null || trades === 0 ? pages : Math.ceil(pages * Math.max(0, 1 - archive.trades / trades)),
    archive,
    reason: progress === undefined ? (reason ?? null) : null,
  };
}

/** Pages at the limit, and files one after the other: at least. */
function secondsOf({ pages, archive }: PlanRow, rate: number): number {
  return pages / rate + (archive?.seconds ?? 0);
}

function totalsOf(
  rows: readonly PlanRow[],
  rate: number,
  cutTrades: number,
  isOnS3: boolean,
): Record<
  'trades' | 'pages' | 'archive_files' | 'seconds_at_rate' | 'raw_bytes' | 'parquet_bytes' | 'store_writes' | 'dollars',
  number
> {
  const trades = rows.reduce((total, row) => total + row.trades, 0);
  const pages = rows.reduce((total, row) => total + row.pages, 0);
  const objects = Math.ceil(trades / cutTrades) + rows.length;
  return {
    trades,
    pages,
    archive_files: rows.reduce((total, { archive }) => total + (archive?.files ?? 0), 0),
    seconds_at_rate: Math.round(rows.reduce((total, row) => total + secondsOf(row, rate), 0) * 10) / 10,
    raw_bytes: trades * RAW_BYTES,
    parquet_bytes: trades * PARQUET_BYTES,
    store_writes: objects * 2,
    dollars: isOnS3
      ? backfillDollars({ objects, products: rows.length, bytes: trades * (RAW_BYTES + PARQUET_BYTES) })
      : 0,
  };
}

function archiveText({ origin, files, first, last, trades }: ArchivePlan): string {
  const names = first === last ? first : `${first} … ${last}`;
  return `about ${grouped(trades)} trades from ${grouped(files)} ${files === 1 ? 'file' : 'files'} of ${origin} (${names})`;
}

function print({ io }: Invocation, rows: readonly PlanRow[], totals: ReturnType<typeof totalsOf>, rate: number): void {
  const columns = [
    { title: 'product' },
    { title: 'newest id', align: 'right' },
    { title: 'to fetch', align: 'right' },
    { title: 'pages', align: 'right' },
    { title: 'time', align: 'right' },
  ] as const;
  const cells = rows.map((row) => [
    row.product_id,
    row.head === null ? '-' : grouped(row.head),
    row.reason === null ? grouped(row.trades) : '-',
    grouped(row.pages),
    durationText(secondsOf(row, rate)),
  ]);
  io.out(textTable(columns, cells, io.isTerminal ? io.columns : 120));
  for (const { product_id: productId, archive, pages: rest } of rows)
    if (archive !== null) say(io, `${productId}: ${archiveText(archive)}; ${grouped(rest)} pages over the API.\n`);
  for (const [reason, products] of byReason(rows.map(({ product_id: productId, reason }) => ({ productId, reason }))))
    say(io, `${io.style('yellow', products.join(', '))}: ${reason}\n`);
  const dollars =
    totals.dollars === 0
      ? 'a local lake costs no dollars'
      : `about $${totals.dollars.toFixed(2)} of AWS with the first month of storage`;
  say(
    io,
    `${grouped(totals.trades)} trades in ${grouped(totals.pages)} pages${totals.archive_files === 0 ? '' : ` and ${grouped(totals.archive_files)} files`}: at least ${durationText(totals.seconds_at_rate)} at ${rate} requests a second; about ${bytesText(totals.raw_bytes)} raw and ${bytesText(totals.parquet_bytes)} Parquet; ${dollars}.\n`,
  );
}

/** `plan`: what a backfill would cost, from one small request a product. Nothing is written. */
export const run: CommandRun = async (invocation) => {
  const { config, io } = invocation;
  const lake = await openLake({ config, clock: io.clock, dryRun: true });
  const exchangeName = config.text('exchange');
  const products =
    invocation.args.length > 0
      ? invocation.args
      : (await loadSeed(exchangeName, config.optionalText('seed-path'), { store: lake.store, folder: io.folder }))
          .productIds;
  const log = createFetchLog(invocation);
  const exchange = openExchange({ config, clock: lake.clock, fetch: io.fetch, onEvent: log.onEvent, onLine: log.line });
  const settings = ingestSettings('backfill', config, {
    from: textFlag(invocation, 'from'),
    to: textFlag(invocation, 'to'),
    after: textFlag(invocation, 'after'),
    before: textFlag(invocation, 'before'),
    fullRefresh: isSet(invocation, 'full-refresh'),
    skipCheckpoint: false,
    acceptOrigin: isSet(invocation, 'accept-origin'),
    rawPayload: false,
    dryRun: true,
  });
  const context = createIngestContext({ lake, exchange, settings, onEvent: () => undefined, stop: invocation.stop });
  const result = await runIngest(context, products);
  const rate = (config.optionalNumber('rate') ?? exchange.venue.defaultRate) / config.number('rate-share');
  const rows = result.products.map(rowOf);
  const totals = totalsOf(
    rows,
    rate,
    cutTradesOf({ objectTrades: settings.objectTrades, gridSize: exchange.connector.gridSize }),
    lake.traffic !== undefined && lake.store.location.startsWith('s3://'),
  );
  // Numbers of products that nobody was asked about would be an answer to another question.
  const isUnasked = result.unavailable !== undefined && rows.every(({ reason }) => reason !== null);
  if (invocation.json) io.out(`${JSON.stringify({ products: rows, totals })}\n`);
  else if (!isUnasked) print(invocation, rows, totals, rate);
  if (result.unavailable !== undefined) {
    io.err(`error: ${result.unavailable.message}\n`);
    return exitCodes.unavailable;
  }
  return rows.some(({ reason }) => reason !== null) && invocation.args.length > 0
    ? exitCodes.incomplete
    : exitCodes.complete;
};
