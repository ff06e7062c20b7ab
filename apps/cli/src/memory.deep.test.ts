import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { exitCodes } from './exit-codes.js';
import { type BuiltCli, buildCli, type StartedCli } from './testing/built-cli.js';

/** Peak memory of real processes; the exchange is simulated in another one. */
const MEGABYTE = 1_000_000;
const SIZES = { 'A-USD': 100_000, 'B-USD': 2_000_000, 'C-USD': 10_000_000 } as const;
type Product = keyof typeof SIZES;

/** The program with nothing in hand takes about 100 MB, the rest is pages and what V8 and malloc keep for the next. */
const FETCH_LIMIT = 200 * MEGABYTE;
/** SPEC and issue: any number of records within 300 MB. */
const TRANSFORM_LIMIT = 300 * MEGABYTE;

let cli: BuiltCli;
let folder: string;
let exchange: StartedCli;
let url: string;

beforeAll(async () => {
  cli = await buildCli();
  folder = await mkdtemp(join(tmpdir(), 'schemahub-memory-'));
  const list = Object.entries(SIZES).map(([product, trades]) => `${product}:${trades}`);
  exchange = cli.start(['simulate', '--products', list.join(','), '--no-rate-limit', '--port', '0', '--json']);
  url = (JSON.parse(await exchange.seen(/\n$/, 'out')) as { url: string }).url;
});
afterAll(async () => {
  exchange.kill('SIGKILL');
  await cli.remove();
  await rm(folder, { recursive: true, force: true });
});

interface Measured {
  readonly peak: number;
  readonly seconds: number;
}

async function measured(args: readonly string[], lake: string): Promise<Measured> {
  const environment = { COINBASE_API_URL: url, SCHEMAHUB_COINBASE_RATE: '1000', SCHEMAHUB_COINBASE_BURST: '500' };
  const begun = performance.now();
  const run = await cli.run([...args, '--lake', lake, '--json', '-q'], { environment });
  expect(run.code, run.err).toBe(exitCodes.complete);
  const facts = run.json<{
    peak_memory_bytes?: number;
    report?: { peak_memory_bytes: number; write: { trades: number } };
  }>();
  const peak = facts.report?.peak_memory_bytes ?? facts.peak_memory_bytes ?? Number.NaN;
  const seconds = (performance.now() - begun) / 1000;
  process.stdout.write(`${args.join(' ')}: peak ${(peak / MEGABYTE).toFixed(0)} MB, ${seconds.toFixed(0)} s\n`);
  return { peak, seconds };
}

it('memory is flat from 100 thousand to 10 million trades fetched', async () => {
  const peaks: Partial<Record<Product, number>> = {};
  for (const product of Object.keys(SIZES) as Product[]) {
    const lake = join(folder, product);
    peaks[product] = (await measured(['backfill', product], lake)).peak;
  }
  const { 'A-USD': small = Number.NaN, 'B-USD': middle = Number.NaN, 'C-USD': large = Number.NaN } = peaks;
  process.stdout.write(`10 M : 2 M = ${(large / middle).toFixed(2)}, 10 M : 100 k = ${(large / small).toFixed(2)}\n`);
  // A hundred times the trades; without `expectPages` it is 1.36 (docs/decisions/0013).
  expect(large / small).toBeLessThan(1.25);
  expect(large / middle).toBeLessThan(1.15);
  expect(large).toBeLessThan(FETCH_LIMIT);
});

it('memory is flat from 2 to 10 million records transformed, within 300 MB', async () => {
  const peaks: number[] = [];
  for (const product of ['B-USD', 'C-USD'] as const) {
    const lake = join(folder, product);
    const first = await measured(['transform'], lake);
    const { out } = await cli.run(['query', 'SELECT count(*) AS n FROM trades_unified', '-o', 'csv', '--lake', lake]);
    expect(out.trim().split(/\r?\n/)[1]).toBe(String(SIZES[product]));
    const again = await measured(['transform', '--rebuild'], lake);
    const peak = Math.max(first.peak, again.peak);
    expect(peak).toBeLessThan(TRANSFORM_LIMIT);
    peaks.push(peak);
  }
  const [middle = Number.NaN, large = Number.NaN] = peaks;
  process.stdout.write(`10 M : 2 M transformed = ${(large / middle).toFixed(2)}\n`);
  // One full block against five; blocks of earlier ones that stayed would be 0.3 each.
  expect(large / middle).toBeLessThan(1.25);
});
