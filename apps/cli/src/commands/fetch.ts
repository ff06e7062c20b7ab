import { ExchangeError } from '@schemahub/core';
import { type IngestEvent, type IngestMode, type IngestResult, type ProductResult, runIngest } from '@schemahub/ingest';
import { createFetchMeter, createRecorder, type FetchMeter } from '@schemahub/observability';
import { condemnMissing } from '@schemahub/runtime/audit';
import { openExchange } from '@schemahub/runtime/exchange';
import { createHealthKeeper } from '@schemahub/runtime/exchange-health';
import { createIngestContext, ingestSettings } from '@schemahub/runtime/ingest';
import { lakeProducts, type OpenLake, openLake, requireLake } from '@schemahub/runtime/lake';
import { expectPages } from '@schemahub/runtime/page-memory';
import { loadSeed } from '@schemahub/runtime/seed';
import { costOf } from '@schemahub/runtime/traffic';
import { type CommandRun, type Invocation, isSet, textFlag } from '../command.js';
import { combineExitCodes, exitCodes } from '../exit-codes.js';
import { explainError } from '../explain-error.js';
import { createFetchLog, type FetchLog } from '../fetch-log.js';
import { createFetchProgress } from '../fetch-progress.js';
import { createFetchReport, writeReport } from '../fetch-report.js';
import { byReason, grouped, textTable } from '../text-table.js';

/** Products of a run: those named, else the seed file's; `repair` without names takes the lake's own. */
async function productsOf(
  invocation: Invocation,
  lake: OpenLake,
): Promise<{ ids: readonly string[]; where: string; named: boolean }> {
  if (invocation.args.length > 0) return { ids: [...new Set(invocation.args)], where: 'the command line', named: true };
  const exchange = invocation.config.text('exchange');
  if (invocation.command === 'repair') {
    const known = await lakeProducts(lake);
    return {
      ids: known.filter((product) => product.exchange === exchange).map(({ productId }) => productId),
      where: 'the lake',
      named: false,
    };
  }
  const seed = await loadSeed(exchange, invocation.config.optionalText('seed-path'), {
    store: lake.store,
    folder: invocation.io.folder,
  });
  return { ids: seed.productIds, where: seed.where, named: false };
}

function settingsOf(invocation: Invocation, mode: IngestMode): ReturnType<typeof ingestSettings> {
  return ingestSettings(mode, invocation.config, {
    from: textFlag(invocation, 'from'),
    to: textFlag(invocation, 'to'),
    after: textFlag(invocation, 'after'),
    before: textFlag(invocation, 'before'),
    order: textFlag(invocation, 'order'),
    fullRefresh: isSet(invocation, 'full-refresh'),
    skipCheckpoint: isSet(invocation, 'skip-checkpoint'),
    acceptOrigin: isSet(invocation, 'accept-origin'),
    rawPayload: isSet(invocation, 'raw-payload'),
    dryRun: invocation.dryRun,
  });
}

/** The exit code of one product's end. A delisted product of the seed file is told, not fatal. */
function codeOf(result: ProductResult, named: boolean): number {
  if (result.progress !== undefined && !result.progress.different.isEmpty) return exitCodes.damage;
  switch (result.state) {
    case 'complete':
      return exitCodes.complete;
    case 'held':
      return exitCodes.complete;
    case 'unknown':
      return named ? exitCodes.incomplete : exitCodes.complete;
    case 'refused':
      return result.error instanceof Error && (result.error as { code?: unknown }).code === 'other-origin'
        ? exitCodes.usage
        : exitCodes.damage;
    case 'incomplete':
      return exitCodes.incomplete;
    case 'failed':
      // The exchange gave this product no answer after all tries: it is there to be asked again later.
      if (result.error instanceof ExchangeError && result.error.retryable) return exitCodes.unavailable;
      return explainError(result.error).code;
  }
}

export function exitCodeOf(result: IngestResult, named: boolean, dryRun = false): number {
  if (result.unavailable !== undefined) {
    return (result.unavailable as { code?: unknown }).code === 'exchange-refused'
      ? exitCodes.error
      : exitCodes.unavailable;
  }
  const { products } = result;
  if (products.length > 0 && products.every(({ state }) => state === 'held')) return exitCodes.held;
  // A dry run leaves everything to be fetched: that is its answer, not a fault.
  const judged = products.filter(
    ({ state, progress }) => !(dryRun && state === 'incomplete' && progress !== undefined),
  );
  return combineExitCodes(judged.map((product) => codeOf(product, named)));
}

/** Products that are named in one sentence. */
const NAMED = 10;

interface Sums {
  readonly wanted: number;
  readonly held: number;
  readonly void: number;
  readonly missing: number;
  readonly newTrades: number;
}

function sumsOf(products: readonly ProductResult[]): Sums {
  const add = (value: (product: ProductResult) => number | undefined): number =>
    products.reduce((sum, product) => sum + (value(product) ?? 0), 0);
  return {
    wanted: add(({ account }) => account?.wanted.count),
    held: add(({ account }) => (account === undefined ? 0 : account.rawOnly.count + account.inTable.count)),
    void: add(({ account }) => account?.void.count),
    missing: add(({ account }) => account?.missing.count),
    newTrades: add(({ progress }) => progress?.newTrades),
  };
}

function productRow(result: ProductResult): string[] {
  const { account, progress } = result;
  const count = (value: number | undefined): string => (value === undefined ? '-' : grouped(value));
  return [
    result.productId,
    result.state,
    count(progress?.newTrades),
    count(account?.wanted.count),
    count(account?.rawOnly.count),
    count(account?.void.count),
    count(account?.missing.count),
  ];
}

const columns = [
  { title: 'product' },
  { title: 'state' },
  { title: 'new trades', align: 'right' },
  { title: 'wanted', align: 'right' },
  { title: 'in raw', align: 'right' },
  { title: 'void', align: 'right' },
  { title: 'missing', align: 'right' },
] as const;

function nextCommand(invocation: Invocation, result: IngestResult, code: number): string {
  // What the environment says, it says to the next command too.
  const flagOf = (name: string): string => {
    const { origin, value } = invocation.config.values.find(({ setting }) => setting.name === name)!;
    return origin === 'flag' ? ` --${name} ${value}` : '';
  };
  const lake = flagOf('lake');
  const same = `schemahub ${[invocation.command, ...invocation.args].join(' ')}${flagOf('seed-path')}${lake}`;
  if (result.unavailable !== undefined || result.stopped || code === exitCodes.held) return `${same} (again)`;
  if (invocation.dryRun) return same;
  // What the exchange does not know is no work for repair.
  const isOpen = result.products.some(({ state }) => state !== 'complete' && state !== 'unknown' && state !== 'held');
  if (code === exitCodes.incomplete && isOpen) return `schemahub repair${lake}`;
  if (result.products.length > 0 && result.products.every(({ state }) => state === 'unknown'))
    return `schemahub update-seed --all --dry-run${flagOf('exchange')}`;
  return `schemahub transform${lake}`;
}

/** What was asked for: the ids of one product, the number of several. */
function askedText(products: readonly ProductResult[]): string {
  const asked = products.flatMap(({ progress }) => (progress === undefined ? [] : [progress.checkpoint.asked]));
  const [one] = asked;
  if (asked.length !== 1 || one === undefined) return `${productCount(products.length)} asked`;
  const ids = one.toString();
  return ids.length > 40 ? `${grouped(one.rangeCount)} ranges of ids asked` : `ids ${ids === '' ? 'none' : ids} asked`;
}

function productCount(count: number): string {
  return `${grouped(count)} ${count === 1 ? 'product' : 'products'}`;
}

function verdictOf({ dryRun, io }: Invocation, code: number): string {
  if (dryRun) return 'dry run, nothing was written';
  return code === exitCodes.complete ? io.style('green', 'complete') : io.style('yellow', 'not complete');
}

/** The last line: never "done" without what was wanted, held, void and missing. */
function lastLine(invocation: Invocation, result: IngestResult, code: number): string {
  const sums = sumsOf(result.products);
  const parts = [
    askedText(result.products),
    `${grouped(sums.wanted)} wanted`,
    `${grouped(sums.held)} in raw`,
    `${grouped(sums.void)} void`,
    `${grouped(sums.missing)} missing`,
  ];
  const pages = result.products.reduce((sum, { progress }) => sum + (progress?.pages ?? 0), 0);
  const files = result.products.reduce((sum, { progress }) => sum + (progress?.archive?.files ?? 0), 0);
  const instead = files === 0 ? '' : `, or ${grouped(files)} files and fewer pages: see schemahub plan`;
  const news = invocation.dryRun ? `${grouped(pages)} pages to fetch${instead}` : `${grouped(sums.newTrades)} new`;
  return `${verdictOf(invocation, code)}: ${parts.join(', ')} (${news}). Next: ${nextCommand(invocation, result, code)}\n`;
}

/** Names, and how many more there are: hundreds of them say nothing that the table does not. */
function namesText(products: readonly string[]): string {
  const rest = products.length - NAMED;
  return rest > 1 ? `${products.slice(0, NAMED).join(', ')} and ${grouped(rest)} more` : products.join(', ');
}

function printResult(invocation: Invocation, result: IngestResult, code: number): void {
  const { io } = invocation;
  io.err(textTable(columns, result.products.map(productRow), io.columns));
  const told = result.products.filter(({ state }) => state !== 'complete');
  for (const [reason, products] of byReason(told)) io.err(`${io.style('yellow', namesText(products))}: ${reason}\n`);
  for (const { productId, unsettled } of result.products) {
    if (!unsettled.isEmpty)
      io.err(
        `${productId}: ids ${unsettled} are unsettled: the trades around them are too young, or the answers were unclear. A later run asks again.\n`,
      );
  }
  for (const { productId, progress } of result.products) {
    if (progress !== undefined && !progress.different.isEmpty)
      io.err(
        `${io.style('red', productId)}: the exchange now tells other trades under ids ${progress.different}; both versions are kept.\n`,
      );
    if (progress !== undefined && !progress.vanished.isEmpty)
      io.err(`${productId}: the exchange no longer shows ids ${progress.vanished}; they are kept.\n`);
  }
  if (result.unavailable !== undefined) io.err(`${io.style('red', 'error:')} ${result.unavailable.message}\n`);
  io.err(lastLine(invocation, result, code));
}

function asJson(invocation: Invocation, result: IngestResult, code: number, report: unknown): Record<string, unknown> {
  return {
    command: invocation.command,
    exit_code: code,
    stopped: result.stopped,
    unavailable: result.unavailable?.message ?? null,
    dry_run: invocation.dryRun,
    products: result.products.map(({ productId, state, reason, account, progress, unsettled }) => ({
      product_id: productId,
      state,
      reason: reason ?? null,
      new_trades: progress?.newTrades ?? 0,
      to_fetch: progress?.todo ?? 0,
      pages: progress?.pages ?? 0,
      archive: progress?.archive ?? null,
      head: progress?.head?.trade.id ?? null,
      asked: progress?.checkpoint.asked.toString() ?? null,
      wanted: account?.wanted.count ?? null,
      in_raw: account?.rawOnly.count ?? null,
      void: account?.void.toString() ?? null,
      missing: account?.missing.toString() ?? null,
      unsettled: unsettled.toString(),
      different: progress?.different.toString() ?? '',
      vanished: progress?.vanished.toString() ?? '',
    })),
    report,
  };
}

/** What a run saw of its exchange, for everybody who asks the table; a failure is told and harms nothing. */
async function recordHealth(lake: OpenLake, exchange: string, meter: FetchMeter, log: FetchLog): Promise<void> {
  try {
    await lake.health?.record(exchange, meter.health(), lake.clock.now());
  } catch (error) {
    log.line(
      `the health of ${exchange} could not be recorded: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** Newest trade of each product, and how many the exchange serves. */
function newestOf({ products }: IngestResult): Parameters<FetchMeter['end']>[0] {
  const newest = new Map<string, string>();
  let activeProducts = 0;
  for (const { productId, progress } of products) {
    const checkpoint = progress?.checkpoint;
    if (checkpoint === undefined || checkpoint.closed !== undefined) continue;
    activeProducts++;
    if (checkpoint.lastTrade !== undefined) newest.set(productId, checkpoint.lastTrade.ts);
  }
  return { newest, activeProducts };
}

/** `ingest`, `backfill`, `repair`. */
export const run: CommandRun = async (invocation) => {
  const mode = invocation.command as IngestMode;
  const { config, io } = invocation;
  const settings = settingsOf(invocation, mode);
  const lake = await openLake({ config, clock: io.clock, dryRun: invocation.dryRun });
  const isLong = mode === 'backfill' || settings.fullRefresh;
  const progress = createFetchProgress(invocation, isLong);
  const log = createFetchLog(invocation, progress.write);
  if (mode === 'repair') {
    await requireLake(lake);
    await condemnMissing({ lake, config, stop: invocation.stop, onLine: log.line });
  }
  const products = await productsOf(invocation, lake);
  const report = createFetchReport(lake.clock);
  const health = createHealthKeeper(lake, config.text('exchange'));
  const meter = createFetchMeter({
    recorder: invocation.telemetry.recorder ?? createRecorder(),
    source: config.text('exchange'),
    now: lake.clock.now,
  });
  const onEvent = (event: IngestEvent): void => {
    meter.onEvent(event);
    report.onEvent(event);
    health.onEvent(event);
    log.onEvent(event);
    progress.onEvent(event);
  };
  if (!invocation.quiet)
    io.err(`${mode}: ${productCount(products.ids.length)} from ${products.where} → ${lake.store.location}\n`);
  if (io.ownsProcess === true) expectPages();
  const exchange = openExchange({
    config,
    lake,
    clock: lake.clock,
    fetch: io.fetch,
    onEvent,
    onLine: log.line,
    onCircuit: meter.onCircuit,
  });
  const context = createIngestContext({
    lake,
    exchange,
    settings,
    onEvent,
    stop: invocation.stop,
    budget: invocation.budget,
  });
  let result: IngestResult;
  try {
    result = await runIngest(context, products.ids);
  } finally {
    progress.end();
    await health.end();
    await recordHealth(lake, config.text('exchange'), meter, log);
  }
  meter.end(newestOf(result));
  const summary = { ...report.summary(context.budget.peak()), ...costsOf(lake) };
  const told = isLong || invocation.verbose ? report.stagesLine() : undefined;
  return await tellEnd(invocation, result, { named: products.named, summary, stagesLine: told });
};

function costsOf({ traffic }: OpenLake): Record<string, unknown> {
  return traffic === undefined ? {} : { aws: traffic, dollars: costOf(traffic).dollars };
}

/** Report, JSON and what people read; the exit code. */
async function tellEnd(
  invocation: Invocation,
  result: IngestResult,
  { named, summary, stagesLine }: { named: boolean; summary: unknown; stagesLine: string | undefined },
): Promise<number> {
  const { io } = invocation;
  const code = result.stopped ? invocation.stopCode() : exitCodeOf(result, named, invocation.dryRun);
  const json = asJson(invocation, result, code, summary);
  await writeReport(textFlag(invocation, 'report'), json);
  if (invocation.json) io.out(`${JSON.stringify(json)}\n`);
  if (!invocation.quiet && stagesLine !== undefined && !invocation.dryRun) io.err(`${stagesLine}\n`);
  if (!invocation.quiet) printResult(invocation, result, code);
  return code;
}
