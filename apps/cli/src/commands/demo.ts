import { rm } from 'node:fs/promises';
import { type CoinbaseSim, createCoinbaseSim, demoProducts } from '@schemahub/exchange-sim';
import { runIngest } from '@schemahub/ingest';
import { formatResult } from '@schemahub/query';
import { runVerify } from '@schemahub/runtime/audit';
import { type Config, loadConfig, UsageError } from '@schemahub/runtime/config';
import { openExchange } from '@schemahub/runtime/exchange';
import { createIngestContext, ingestSettings } from '@schemahub/runtime/ingest';
import { type OpenLake, openLake } from '@schemahub/runtime/lake';
import { openQuery } from '@schemahub/runtime/query';
import { openTable } from '@schemahub/runtime/table';
import { type CommandRun, type Invocation, textFlag } from '../command.js';
import { combineExitCodes } from '../exit-codes.js';
import { createSkippingClock } from '../skipping-clock.js';
import { bytesText, durationText, grouped, say } from '../text-table.js';
import { proofLine } from './verify.js';

const FOLDER = './demo-lake';
/** The simulated exchange's newest trades, and a quarter of an hour later: old enough for its holes to be settled. */
const NOW = Date.parse('2026-11-20T12:00:00Z');
const NEWEST = NOW - 15 * 60_000;

const SQL = `SELECT symbol, count(*) AS trades, min(price) AS low, max(price) AS high,
  round(sum(price * quantity) / sum(quantity), 4) AS vwap, count(*) FILTER (side = 'BUY') AS taker_buys
FROM trades_unified GROUP BY symbol ORDER BY trades DESC, symbol`;

interface Demo {
  readonly invocation: Invocation;
  readonly config: Config;
  readonly lake: OpenLake;
  readonly sim: CoinbaseSim;
}

async function step<T>(
  { invocation }: Demo,
  title: string,
  work: () => Promise<{ result: T; told: string }>,
): Promise<T> {
  const { io } = invocation;
  const begun = performance.now();
  const { result, told } = await work();
  const seconds = durationText((performance.now() - begun) / 1000);
  if (!invocation.quiet) io.out(`${io.style('bold', title.padEnd(10))} ${told} ${io.style('dim', `(${seconds})`)}\n`);
  return result;
}

async function fetchAll(demo: Demo): Promise<{ result: undefined; told: string }> {
  const { config, lake, sim, invocation } = demo;
  const quiet = (): void => undefined;
  const exchange = openExchange({
    config,
    lake,
    clock: lake.clock,
    fetch: (url, init) => sim.fetch(url, init),
    onEvent: quiet,
    onLine: quiet,
  });
  const settings = ingestSettings('backfill', config, {
    fullRefresh: false,
    skipCheckpoint: false,
    acceptOrigin: false,
    rawPayload: false,
    dryRun: false,
  });
  let objects = 0;
  let bytes = 0;
  const context = createIngestContext({
    lake,
    exchange,
    settings,
    stop: invocation.stop,
    onEvent: (event) => {
      if (event.type !== 'object-landed' || !event.created) return;
      objects++;
      bytes += event.bytes;
    },
  });
  const result = await runIngest(context, sim.control.products());
  for (const { productId, reason } of result.products)
    if (reason !== undefined) invocation.io.err(`${productId}: ${reason}\n`);
  if (result.unavailable !== undefined) throw result.unavailable;
  const trades = result.products.reduce((sum, { progress }) => sum + (progress?.newTrades ?? 0), 0);
  const voids = result.products.reduce((sum, { account }) => sum + (account?.void.count ?? 0), 0);
  return {
    result: undefined,
    told: `${grouped(trades)} trades, ${objects} objects, ${bytesText(bytes)}; ${grouped(voids)} ids proven void`,
  };
}

async function transformAll({ config, lake, invocation }: Demo): Promise<{ result: undefined; told: string }> {
  const { table, products } = await openTable({ lake, config, stop: invocation.stop });
  const { snapshot } = await table.transform({ products });
  const bytes = snapshot?.commit.products.reduce((sum, product) => sum + product.bytes, 0) ?? 0;
  const rows = snapshot?.commit.products.reduce((sum, product) => sum + product.rows, 0) ?? 0;
  return {
    result: undefined,
    told: `${grouped(rows)} rows → Parquet, ${bytesText(bytes)}, ${(bytes / Math.max(1, rows)).toFixed(1)} bytes each`,
  };
}

async function askSql({ lake, invocation }: Demo): Promise<string> {
  const { engine } = await openQuery({ lake });
  try {
    let text = '';
    for await (const part of formatResult(await engine.run(SQL), { format: 'table', width: invocation.io.columns }))
      text += part;
    // On one screen of 24 lines there is none for the number of rows that one sees.
    return text.replace(/^\(\d+ rows\)\n$/m, '');
  } finally {
    await engine.close();
  }
}

/** `demo`: the whole path offline, on one screen; waits are skipped, not shortened. */
export const run: CommandRun = async (invocation) => {
  const { io } = invocation;
  const folder = textFlag(invocation, 'lake') ?? FOLDER;
  const seed = textFlag(invocation, 'seed') ?? '7';
  if (folder.startsWith('s3://')) throw new UsageError('demo: expected a local folder.');
  // A folder of its own: the demo's lake is made anew each time. One named by the user is never removed.
  if (textFlag(invocation, 'lake') === undefined) await rm(FOLDER, { recursive: true, force: true });
  const clock = createSkippingClock(NOW);
  const sim = createCoinbaseSim({ seed, products: demoProducts(seed, { endTime: NEWEST }), clock });
  const config = await loadConfig({
    flags: { lake: folder, exchange: 'coinbase', 'api-url': 'https://simulated.exchange' },
    environment: {},
    folder: io.folder,
  });
  const lake = await openLake({ config, clock });
  const demo: Demo = { invocation, config, lake, sim };
  if (!invocation.quiet)
    io.out(`${io.style('bold', 'SchemaHub demo')}: an exchange with holes in its ids, simulated; no network\n`);
  await step(demo, 'ingest', () => fetchAll(demo));
  await step(demo, 'transform', () => transformAll(demo));
  const verified = await step(demo, 'verify', async () => {
    const result = await runVerify({
      lake,
      config,
      deep: true,
      head: false,
      write: true,
      stop: invocation.stop,
      onLine: () => undefined,
    });
    return { result, told: 'every byte read again, every id accounted for' };
  });
  const sql = await step(demo, 'SQL', async () => ({
    result: await askSql(demo),
    told: 'DuckDB over the committed snapshot',
  }));
  const code = combineExitCodes(verified.codes);
  const { certificate } = verified;
  if (invocation.json) io.out(`${JSON.stringify({ exit_code: code, lake: lake.store.location, certificate })}\n`);
  else {
    say(
      io,
      `\n${sql}\n${io.style(certificate.verdict === 'complete' ? 'green' : 'red', proofLine(certificate, 12))}\n`,
    );
    io.out(`\nAsk it:    npx schemahub query --lake ${folder} "FROM ohlcv('BTC-USD', '1h')"\n`);
    io.out('Live data: npx schemahub run pipeline coinbase\n');
  }
  return code;
};
