import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ArchiveFault, type BinanceSim, type BinanceSimOptions, createBinanceSim } from '@schemahub/exchange-sim';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { createSkippingClock } from './skipping-clock.js';
import { type CliRun, createWorld, WORLD_NEWEST, WORLD_NOW, type World } from './testing/virtual-run.js';

// The bulk archive of Binance through the whole program: whatever its files are like, the table has the exchange's trades.

const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.remove();
});

interface Stage {
  readonly world: World;
  readonly binance: BinanceSim;
  readonly run: (...args: string[]) => Promise<CliRun>;
  /** Requests since the last call, by kind. */
  readonly asked: () => { readonly pages: number; readonly files: number; readonly checksums: number };
}

async function createStage(
  options: Partial<BinanceSimOptions> & { trades?: number; ratePerSecond?: number; endTime?: number } = {},
): Promise<Stage> {
  const clock = createSkippingClock(WORLD_NOW);
  const { trades = 25_000, ratePerSecond = 0.1, endTime = WORLD_NEWEST, ...sim } = options;
  const binance = createBinanceSim({
    seed: 'archive',
    clock,
    requestLog: 10_000,
    products: [
      {
        id: 'BTCUSDT',
        base: 'BTC',
        quote: 'USDT',
        trades,
        ratePerSecond,
        endTime,
        voids: [3, 1500, { first: 4000, last: 6999 }].filter((id) => trades > 20_000 || typeof id === 'number'),
      },
    ],
    ...sim,
  });
  const world = await createWorld({
    products: [{ id: 'BTC-USD', trades: 1 }],
    clock,
    others: { 'api.binance.com': binance, 'data.binance.vision': binance },
  });
  worlds.push(world);
  let seen = 0;
  return {
    world,
    binance,
    run: (...args) => world.run(args),
    asked: () => {
      const urls = binance
        .requests()
        .slice(seen)
        .map(({ url }) => url);
      seen += urls.length;
      const count = (pattern: RegExp): number => urls.filter((url) => pattern.test(url)).length;
      return { pages: count(/historicalTrades/), files: count(/\.zip$/), checksums: count(/CHECKSUM$/) };
    },
  };
}

/** Few trades over three days: the archive is asked when it is told so. */
const SMALL = { trades: 3500, ratePerSecond: 0.015 };
const backfill = ['backfill', 'BTCUSDT', '--exchange', 'binance'] as const;

/** Rows of the table, ids ascending, times to the ms: archives before 2025 have no more. */
async function rowsOf(world: World): Promise<string[]> {
  const sql = `SELECT trade_id, side, price, quantity, epoch_ms(trade_ts) AS ms FROM trades_unified WHERE exchange = 'BINANCE' ORDER BY CAST(trade_id AS BIGINT)`;
  const { code, out, err } = await world.run(['query', sql, '-o', 'csv']);
  expect(code, err).toBe(0);
  return out.trimEnd().split('\n').slice(1);
}

function truthOf({ control }: BinanceSim): string[] {
  return [...control.tradesOf('BTCUSDT')].map(({ id, side, price, size, time }) =>
    [id, side === 'buy' ? 'SELL' : 'BUY', Number(price), Number(size), Date.parse(time)].join(','),
  );
}

/** Table = exchange, all of it proven. */
async function expectExact({ world, binance }: Stage, code = 0): Promise<void> {
  const transformed = await world.run(['transform', '--json']);
  expect(transformed.code, transformed.err).toBe(code);
  expect(await rowsOf(world)).toEqual(truthOf(binance));
  const verified = await world.run(['verify', '--deep', '--json']);
  expect(verified.code, verified.err).toBe(code);
  const { totals } = verified.json<{ totals: Record<string, number> }>();
  expect(totals).toMatchObject({ in_table: binance.control.countOf('BTCUSDT'), missing: 0 });
}

interface Archived {
  readonly archive?: { readonly url: string; readonly sha256: string; readonly ids: string };
}

async function evidenceOf(world: World): Promise<Archived[]> {
  const folder = join(world.lake, 'coverage_binance', 'BTCUSDT');
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json'));
  return Promise.all(names.map(async (name) => JSON.parse(await readFile(join(folder, name), 'utf8')) as Archived));
}

describe('the archive of Binance', () => {
  it('gives the days that are over, REST the rest; evidence names each file; a second run asks for neither', async () => {
    const stage = await createStage();
    const { code, err } = await stage.run(...backfill, '-v');
    expect(code, err).toBe(0);
    const first = stage.asked();
    const days = new Set([...stage.binance.control.tradesOf('BTCUSDT')].map(({ time }) => time.slice(0, 10)));
    expect(first.files).toBe(days.size - 1);
    expect(days.size).toBeGreaterThan(2);
    // Half a day that is not over, windows and probes of three holes, looks at head, floor and times: 32 without the archive.
    expect(first.pages).toBe(17);
    expect(err).toMatch(
      /\[ARCHIVE\] BTCUSDT: \d+ trades of \/data\/spot\/daily\/trades\/BTCUSDT\/BTCUSDT-trades-2026-11-[12]\d\.zip/,
    );
    await expectExact(stage);
    const files = (await evidenceOf(stage.world)).flatMap(({ archive }) => archive ?? []);
    expect(files).toHaveLength(first.files);
    for (const { url, sha256 } of files) {
      expect(url).toMatch(
        /^https:\/\/data\.binance\.vision\/data\/spot\/daily\/trades\/BTCUSDT\/BTCUSDT-trades-2026-11-[12]\d\.zip$/,
      );
      expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    }
    stage.asked();
    expect((await stage.run(...backfill)).code).toBe(0);
    expect(stage.asked()).toMatchObject({ files: 0, checksums: 0 });
    expect((await evidenceOf(stage.world)).flatMap(({ archive }) => archive ?? [])).toHaveLength(first.files);
  });

  it.each([
    ['µs', WORLD_NEWEST],
    ['ms, before 2025', Date.parse('2024-05-20T10:00:00Z')],
  ])('the same days by archive and by REST: no conflict and no new row (%s)', async (_name, endTime) => {
    const stage = await createStage({ ...SMALL, endTime });
    expect((await stage.run(...backfill, '--archive', 'always')).code).toBe(0);
    await expectExact(stage);
    stage.asked();
    const again = await stage.run(...backfill, '--full-refresh', '--archive', 'never', '--json');
    expect(again.code, again.err).toBe(0);
    expect(stage.asked()).toMatchObject({ files: 0, checksums: 0 });
    const twice = await stage.run(...backfill, '--full-refresh', '--archive', 'always', '--json');
    expect(twice.code, twice.err).toBe(0);
    expect(stage.asked().files).toBeGreaterThan(1);
    const raw = await readdir(join(stage.world.lake, 'raw_binance_trades', 'BTCUSDT'));
    const held = raw.reduce((sum, name) => sum + Number(/_(\d+)_/.exec(name)![1]), 0);
    expect(held).toBe(stage.binance.control.countOf('BTCUSDT'));
    await expectExact(stage);
  });

  it('stands in the plan: which files, what they hold, and the pages for the rest; backfill then does so', async () => {
    const { run, asked, binance } = await createStage();
    const planned = await run('plan', 'BTCUSDT', '--exchange', 'binance', '--json');
    expect(planned.code, planned.err).toBe(0);
    expect(asked()).toMatchObject({ files: 0, checksums: 0 });
    const { products, totals } = planned.json<{
      products: {
        pages: number;
        trades: number;
        archive: { files: number; first: string; last: string; trades: number };
      }[];
      totals: { pages: number; archive_files: number };
    }>();
    const { archive, pages } = products[0]!;
    const days = [...binance.control.tradesOf('BTCUSDT')].map(({ time }) => time.slice(0, 10));
    const over = days.filter((day) => day < days.at(-1)!);
    expect([archive.first, archive.last]).toEqual([days[0], over.at(-1)]);
    expect([totals.archive_files, totals.pages]).toEqual([archive.files, pages]);
    expect(archive.trades).toBeLessThan(products[0]!.trades);
    const text = await run('plan', 'BTCUSDT', '--exchange', 'binance');
    expect(text.out).toMatch(
      /BTCUSDT: about [\d,]+ trades from \d+ files of https:\/\/data\.binance\.vision \(\d{4}-\d\d-\d\d … \d{4}-\d\d-\d\d\);\s+\d+ pages over the API\./,
    );
    const dry = await run(...backfill, '--dry-run');
    expect(dry.err).toContain(`or ${archive.files} files and fewer pages: see schemahub plan`);
    asked();
    const fetched = await run(...backfill);
    expect(fetched.code, fetched.err).toBe(0);
    expect(asked().files).toBe(archive.files);
    const never = await run(
      'plan',
      'BTCUSDT',
      '--exchange',
      'binance',
      '--archive',
      'never',
      '--full-refresh',
      '--json',
    );
    expect(never.json<{ products: { archive: unknown }[] }>().products[0]!.archive).toBe(null);
  });

  it('told never, is never asked; told auto, is not asked for what a few pages give', async () => {
    const stage = await createStage({ trades: 9000 });
    expect((await stage.run(...backfill)).code).toBe(0);
    expect(stage.asked()).toMatchObject({ files: 0, checksums: 0 });
    const other = await createStage();
    expect((await other.run(...backfill, '--archive', 'never')).code).toBe(0);
    expect(other.asked()).toMatchObject({ files: 0, checksums: 0 });
    await expectExact(other);
  });

  it('belongs to the real Binance: behind another base URL there is none unless it is named', async () => {
    const stage = await createStage();
    const environment = { BINANCE_API_URL: 'https://api.binance.com/mirror' };
    const refused = await stage.world.run([...backfill, '--archive', 'always'], { environment });
    expect(refused.code).toBe(2);
    expect(refused.err).toContain('BINANCE_ARCHIVE_URL');
    const coinbase = await stage.run('backfill', 'BTC-USD', '--archive', 'always');
    expect(coinbase.code).toBe(2);
    expect(coinbase.err).toContain('coinbase keeps no files of its trades');
    await stage.world.run([...backfill], { environment });
    expect(stage.asked()).toMatchObject({ files: 0, checksums: 0 });
  });

  it.each<[ArchiveFault, RegExp | undefined]>([
    ['missing', undefined],
    ['truncated', undefined],
    ['lost-rows', undefined],
    ['interleaved', undefined],
    ['shuffled', undefined],
    ['duplicate-rows', undefined],
    ['conflicting-rows', undefined],
    ['header', undefined],
    ['broken-rows', undefined],
    ['aggregated', undefined],
    [
      'wrong-checksum',
      /the archive of 2026-11-18 cannot be used: .*does not agree with its checksum.* Its trades come over the API instead/,
    ],
    ['cut-download', /does not agree with its checksum/],
    ['no-zip', /agrees with its checksum but cannot be used/],
    ['foreign-member', /expected one member/],
  ])('with a file that is %s ends in the same table, healed over REST', async (fault, words) => {
    const stage = await createStage(SMALL);
    stage.binance.control.setArchive({ fault: (path) => (path.includes('2026-11-18') ? fault : undefined) });
    const { code, err } = await stage.run(...backfill, '--archive', 'always');
    expect(stage.asked().files).toBeGreaterThan(1);
    expect(code, err).toBe(0);
    if (words === undefined) expect(err).not.toContain('[ARCHIVE]');
    else expect(err).toMatch(words);
    await expectExact(stage);
  });

  it('out of reach, costs a sentence and nothing else', async () => {
    const stage = await createStage(SMALL);
    for (const status of [503, 403]) {
      const trouble = { fetch: async () => new Response('<html></html>', { status }) };
      const world = await createWorld({
        products: [{ id: 'BTC-USD', trades: 1 }],
        clock: stage.world.clock,
        others: { 'api.binance.com': stage.binance, 'data.binance.vision': trouble },
      });
      worlds.push(world);
      const { code, err } = await world.run([...backfill, '--archive', 'always']);
      expect(code, err).toBe(0);
      expect(err).toMatch(/\[ARCHIVE\] BTCUSDT: the archive (of .* )?cannot be used/);
      await expectExact({ ...stage, world });
    }
  });

  it('of another exchange is refused: its trades are not those that the API tells', async () => {
    const stage = await createStage(SMALL);
    const other = await createStage({ ...SMALL, seed: 'another' });
    const world = await createWorld({
      products: [{ id: 'BTC-USD', trades: 1 }],
      clock: stage.world.clock,
      others: { 'api.binance.com': stage.binance, 'data.binance.vision': other.binance },
    });
    worlds.push(world);
    const { code, err } = await world.run([...backfill, '--archive', 'always']);
    expect(code, err).toBe(0);
    expect(err).toMatch(/trade \d+ is .* there, but .* over the API/);
    await expectExact({ ...stage, world });
  });

  it('reaches further back than a trimmed REST: the floor is the oldest file’s first trade', async () => {
    const stage = await createStage({ ratePerSecond: 0.0005, trades: 3500 });
    stage.binance.control.trim('BTCUSDT', 2500);
    const { code, err } = await stage.run(...backfill, '-v', '--archive', 'always');
    expect(err).toMatch(/first trade served is 0/);
    // Holes below the trim can be attested by nobody: they stay missing, and are named.
    expect(code, err).toBe(3);
    stage.binance.control.trim('BTCUSDT', 0);
    const healed = await stage.run(...backfill);
    expect(healed.code, healed.err).toBe(0);
    await expectExact(stage);
  });

  it('with --order newest begins with the newest files', async () => {
    const stage = await createStage(SMALL);
    expect((await stage.run(...backfill, '--archive', 'always', '--order', 'newest')).code).toBe(0);
    const days = stage.binance.requests().flatMap(({ url }) => /(\d{4}-\d\d-\d\d)\.zip$/.exec(url)?.[1] ?? []);
    expect(days).toEqual([...days].sort().reverse());
    await expectExact(stage);
  });
});

const faults: readonly (ArchiveFault | undefined)[] = [
  undefined,
  undefined,
  'missing',
  'truncated',
  'lost-rows',
  'interleaved',
  'shuffled',
  'duplicate-rows',
  'conflicting-rows',
  'broken-rows',
  'wrong-checksum',
  'aggregated',
];

describe('any mixture of archive and REST', () => {
  it('holds each of the exchange’s trades exactly once', async () => {
    const steps = fc.record({
      faults: fc.array(fc.constantFrom(...faults), { minLength: 4, maxLength: 4 }),
      bounds: fc.array(fc.tuple(fc.nat(3400), fc.nat(3400), fc.constantFrom('always', 'never')), { maxLength: 3 }),
      order: fc.constantFrom('oldest', 'newest'),
      endTime: fc.constantFrom(WORLD_NEWEST, Date.parse('2024-12-31T18:00:00Z')),
    });
    await fc.assert(
      fc.asyncProperty(steps, async ({ faults: drawn, bounds, order, endTime }) => {
        const stage = await createStage({ ...SMALL, endTime });
        const fault = (path: string): ArchiveFault | undefined => drawn[Number(/(\d\d)\.zip/.exec(path)?.[1]) % 4];
        stage.binance.control.setArchive({ fault });
        for (const [a, b, mode] of bounds) {
          const range = ['--from', `trade:${Math.min(a, b)}`, '--to', `trade:${Math.max(a, b)}`];
          await stage.run(...backfill, ...range, '--archive', mode, '--order', order);
        }
        const { code, err } = await stage.run(...backfill, '--archive', 'always', '--order', order);
        expect(code, err).toBe(0);
        await expectExact(stage);
      }),
      { numRuns: 5 },
    );
  });
});
