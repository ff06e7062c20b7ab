import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFetchTransport } from '@schemahub/connector-kit';
import { createManualClock } from '@schemahub/connector-kit/testing';
import type { ArchiveFile, ArchivePeriod, TradeArchive, TradePage } from '@schemahub/core';
import { RangeSet } from '@schemahub/coverage';
import { type ArchiveFault, type BinanceSim, createBinanceSim } from '@schemahub/exchange-sim';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { binanceArchivePolicy, binancePolicy, createBinanceConnector, scratchIn } from '../index.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'schemahub-archive-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

interface Stage {
  readonly sim: BinanceSim;
  readonly archive: TradeArchive;
  readonly asked: string[];
  readonly parse: (record: Uint8Array) => { id: number; ts: string; side: string; price: string };
}

/** 5,000 trades in the last hours before `endTime`, with holes; ids as the venue counts them. */
function stage(options: { fault?: ArchiveFault; endTime?: string; trades?: number } = {}): Stage {
  const endTime = options.endTime ?? '2025-08-22T20:00:00Z';
  const sim = createBinanceSim({
    seed: 7,
    weightPerMinute: false,
    archive: { fault: () => options.fault },
    clock: createManualClock(Date.parse('2026-01-01T00:00:00Z')),
    products: [
      {
        id: 'BTCUSDT',
        base: 'BTC',
        quote: 'USDT',
        trades: options.trades ?? 5000,
        ratePerSecond: 0.2,
        voids: [1234, { first: 2000, last: 3100 }],
        endTime,
      },
    ],
  });
  const asked: string[] = [];
  const clock = createManualClock();
  const fetch = (url: string, init?: RequestInit): Promise<Response> => {
    asked.push(url);
    return sim.fetch(url, init);
  };
  const connector = createBinanceConnector({
    clock,
    transport: createFetchTransport({ policy: binancePolicy(), clock, fetch }),
    archive: {
      transport: createFetchTransport({ policy: binanceArchivePolicy(), clock, fetch }),
      openScratch: scratchIn(folder),
    },
  });
  return { sim, archive: connector.archive!, asked, parse: connector.parseTrade };
}

const day: ArchivePeriod = { kind: 'day', name: '2025-08-22' };
const month: ArchivePeriod = { kind: 'month', name: '2025-08' };

async function pagesOf(file: ArchiveFile, wanted = RangeSet.of(0, 1e9)): Promise<TradePage[]> {
  const pages: TradePage[] = [];
  for await (const page of file.pages(wanted)) pages.push(page);
  return pages;
}

function idsOf(pages: readonly TradePage[]): number[] {
  return pages.flatMap(({ ids }) => [...ids]);
}

async function opened(archive: TradeArchive, period: ArchivePeriod): Promise<ArchiveFile> {
  const file = await archive.open('BTCUSDT', period);
  if (file === undefined) throw new Error(`${period.name}: no file`);
  return file;
}

describe('a file of the archive', () => {
  it('holds the exchange’s trades of its day, with the members of REST, and leaves nothing on disk', async () => {
    const { sim, archive, asked, parse } = stage();
    const file = await opened(archive, day);
    expect(await readdir(folder)).toEqual([]);
    const pages = await pagesOf(file);
    await file.close();
    const truth = [...sim.control.tradesOf('BTCUSDT')].filter(({ time }) => time.startsWith('2025-08-22'));
    expect(truth.length).toBeGreaterThan(1000);
    expect(idsOf(pages)).toEqual(truth.map(({ id }) => id));
    expect(file.ids.equals(RangeSet.fromIds(truth.map(({ id }) => id)))).toBe(true);
    const records = pages.flatMap((page) => page.records);
    expect(records.map((record) => parse(record).price)).toEqual(truth.map(({ price }) => price));
    const rest = await sim.fetch(
      `https://api.binance.com/api/v3/historicalTrades?symbol=BTCUSDT&fromId=${truth[0]!.id}&limit=1`,
      { headers: { 'x-mbx-time-unit': 'MICROSECOND' } },
    );
    expect(`[${Buffer.from(records[0]!).toString()}]`).toBe(await rest.text());
    expect(asked).toEqual([
      'https://data.binance.vision/data/spot/daily/trades/BTCUSDT/BTCUSDT-trades-2025-08-22.zip.CHECKSUM',
      'https://data.binance.vision/data/spot/daily/trades/BTCUSDT/BTCUSDT-trades-2025-08-22.zip',
    ]);
  });

  it('of a month holds all of its days; before 2025 its times are in ms', async () => {
    const { sim, archive, parse } = stage({ endTime: '2024-05-31T12:00:00Z' });
    const file = await opened(archive, { kind: 'month', name: '2024-05' });
    const pages = await pagesOf(file);
    await file.close();
    expect(idsOf(pages)).toEqual([...sim.control.tradesOf('BTCUSDT')].map(({ id }) => id));
    const [record] = pages[0]!.records;
    expect(parse(record!).ts).toMatch(/^2024-05-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it('gives pages within the grid and without a hole, each speaking for its own rows alone', async () => {
    const { archive } = stage();
    const file = await opened(archive, month);
    for (const { window, ids, records } of await pagesOf(file)) {
      expect([...ids]).toEqual(Array.from({ length: window.last - window.first + 1 }, (_, at) => window.first + at));
      expect(records).toHaveLength(ids.length);
      expect(Math.floor(window.first / 1000)).toBe(Math.floor(window.last / 1000));
    }
    expect(idsOf(await pagesOf(file, RangeSet.of(1230, 1240)))).toEqual([
      1230, 1231, 1232, 1233, 1235, 1236, 1237, 1238, 1239, 1240,
    ]);
    await file.close();
  });

  it('that is not there, or not yet, is no error', async () => {
    const { archive, sim } = stage();
    sim.control.setArchive({ dayDelayHours: 24 * 365 });
    expect(await archive.open('BTCUSDT', day)).toBeUndefined();
    expect(await archive.exists('BTCUSDT', day)).toBe(false);
    expect(await archive.exists('BTCUSDT', month)).toBe(true);
    expect(await archive.open('NOSUCH', month)).toBeUndefined();
  });

  it.each([
    ['wrong-checksum', /does not agree with its checksum: expected sha256 [0-9a-f]{64}, got [0-9a-f]{64}/],
    ['cut-download', /does not agree with its checksum/],
    [
      'no-zip',
      /agrees with its checksum but cannot be used: zip file: expected one member BTCUSDT-trades-2025-08-22\.csv/,
    ],
    ['foreign-member', /expected one member BTCUSDT-trades-2025-08-22\.csv/],
    ['other-member', /expected one member BTCUSDT-trades-2025-08-22\.csv, found "BTCUSDT-trades-2025-08-2x\.csv"/],
  ] as const)('%s: is told, can be tried again, and gives no row', async (fault, words) => {
    const { archive } = stage({ fault });
    const error = await archive.open('BTCUSDT', day).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ kind: 'transient', transient: 'body', retryable: true });
    expect((error as Error).message).toMatch(words);
    expect(await readdir(folder)).toEqual([]);
  });

  it.each([
    'truncated',
    'lost-rows',
    'interleaved',
    'shuffled',
    'duplicate-rows',
    'conflicting-rows',
    'header',
    'broken-rows',
  ] as const)('%s: every id is given once or not at all, and never another’s content', async (fault) => {
    const clean = stage();
    const faulty = stage({ fault });
    const whole = await opened(clean.archive, month);
    const part = await opened(faulty.archive, month);
    const truth = new Map(
      (await pagesOf(whole)).flatMap((page) => page.records.map((r, at) => [page.ids[at]!, Buffer.from(r).toString()])),
    );
    const pages = await pagesOf(part);
    const ids = idsOf(pages);
    expect(new Set(ids).size).toBe(ids.length);
    expect(RangeSet.fromIds(ids).equals(part.ids)).toBe(true);
    for (const page of pages)
      for (const [at, record] of page.records.entries())
        expect(Buffer.from(record).toString()).toBe(truth.get(page.ids[at]!));
    const isComplete = ['interleaved', 'shuffled', 'header'].includes(fault);
    expect(ids.length === truth.size).toBe(isComplete);
    // Half of a truncated file, and all but one in ninety of the others.
    expect(ids.length).toBeGreaterThan(truth.size * (fault === 'truncated' ? 0.49 : 0.97));
    await whole.close();
    await part.close();
  });

  it('with aggregated trades under its name gives none: their ids are others', async () => {
    const { archive } = stage({ fault: 'aggregated' });
    const file = await opened(archive, month);
    expect(file.ids.isEmpty).toBe(true);
    expect(file.leftOut).toBeGreaterThan(1000);
    await file.close();
  });
});
