import type { Fault } from '@schemahub/exchange-sim';
import { afterEach, describe, expect, it } from 'vitest';
import { exitCodes } from './exit-codes.js';
import { createIdleClock } from './testing/idle-clock.js';
import { expectedRows, filesBelow, lakeHashes, readTableRows } from './testing/lake-files.js';
import { type CliRun, createWorld, WORLD_NOW, type World } from './testing/virtual-run.js';

const PRODUCT = 'BTC-USD';
const OTHER = 'SOL-USD';

let world: World;
afterEach(() => world.remove());

/** Faults by the number of the request, on a clock that jumps over every wait: minutes of back-off take no time. */
async function troubledWorld(faultOf: (index: number, url: string) => Fault | undefined): Promise<void> {
  world = await createWorld({
    clock: createIdleClock(WORLD_NOW),
    products: [
      { id: PRODUCT, trades: 12_000, voids: [{ first: 5000, last: 5003 }] },
      { id: OTHER, trades: 4000 },
    ],
    sim: { script: (index, url) => faultOf(index, url) },
  });
}

async function ends(code: number, ...args: string[]): Promise<CliRun> {
  const run = await world.run(args);
  expect(run.code, `${args.join(' ')}: ${run.err}`).toBe(code);
  return run;
}

async function expectAll(): Promise<void> {
  await ends(0, 'transform');
  await ends(0, 'verify', '--deep');
  const { snapshots, current } = (await world.run(['snapshots', '--files', '--json'])).json<{
    current: number;
    snapshots: { number: number; files: { path: string }[] }[];
  }>();
  const files = snapshots.find(({ number }) => number === current)?.files.map(({ path }) => path) ?? [];
  const { bySymbol } = await readTableRows(world.lake, files);
  for (const product of [PRODUCT, OTHER]) expect(bySymbol[product]).toEqual(expectedRows(world.sim, product));
}

const down: Fault = { kind: 'status', status: 503, body: 'maintenance' };

describe('an exchange that is down', () => {
  it('at the first request: exit 6 after its five tries, nothing held, said in a sentence', async () => {
    await troubledWorld(() => down);
    const { err } = await ends(exitCodes.unavailable, 'ingest', PRODUCT, OTHER);
    expect(world.requests()).toBe(5);
    expect(err).toMatch(/503/);
    expect(err).toMatch(/Next: schemahub ingest .*\(again\)/);
    expect((await filesBelow(world.lake)).filter((path) => /raw_|coverage_|unified/.test(path))).toEqual([]);
  });

  it('at the first request of a lake that is filled: exit 6, not one byte of data changed', async () => {
    let isDown = false;
    await troubledWorld(() => (isDown ? down : undefined));
    await ends(0, 'backfill', PRODUCT, OTHER);
    await ends(0, 'transform');
    const data = async (): Promise<Record<string, string>> =>
      Object.fromEntries(Object.entries(await lakeHashes(world.lake)).filter(([path]) => !path.startsWith('locks/')));
    const before = await data();
    isDown = true;
    for (const command of ['ingest', 'backfill', 'repair']) await ends(exitCodes.unavailable, command, PRODUCT, OTHER);
    expect(await data()).toEqual(before);
    isDown = false;
    await ends(0, 'ingest', PRODUCT, OTHER);
    await expectAll();
  });

  it('in the midst: it waits for --max-wait, lands what it has, ends 6; the next run asks only for the rest', async () => {
    let healed = false;
    await troubledWorld((index) => (index >= 9 && !healed ? down : undefined));
    const { err } = await ends(
      exitCodes.unavailable,
      'backfill',
      PRODUCT,
      OTHER,
      '--max-wait',
      '30',
      '--object-trades',
      '1000',
    );
    expect(err).toMatch(/coinbase circuit OPENED after 5 consecutive failures\. Last error: HTTP 503/);
    const landed = (await filesBelow(world.lake)).filter((path) => path.startsWith('raw_'));
    const held = landed.reduce((sum, path) => sum + Number(/_(\d+)_[0-9a-f]+\.jsonl\.gz$/.exec(path)?.[1]), 0);
    expect(held).toBeGreaterThan(0);
    const { exchanges } = (await ends(0, 'status', '--json')).json<{
      exchanges: { breaker: string; health: Record<string, number>; eta_seconds: number }[];
    }>();
    expect(exchanges).toMatchObject([{ breaker: 'open' }]);
    expect(exchanges[0]!.health.error_rate).toBeGreaterThan(0);
    expect(exchanges[0]!.health.trades_per_second).toBeGreaterThan(0);
    expect(exchanges[0]!.eta_seconds).toBeGreaterThan(0);
    expect((await ends(0, 'status')).out).toMatch(/trades\/min, \d+\.\d % errors.*; what is missing takes/);
    healed = true;
    await ends(0, 'backfill', PRODUCT, OTHER);
    expect((await filesBelow(world.lake)).filter((path) => path.startsWith('raw_'))).toEqual(
      expect.arrayContaining(landed),
    );
    await expectAll();
  });

  it('for some minutes within --max-wait: the run goes on by itself and ends 0', async () => {
    // Down from the ninth request on until six minutes have passed: however the first failures coincide, five come in a row.
    await troubledWorld((index) => (index >= 8 && world.clock.now() - WORLD_NOW < 6 * 60_000 ? down : undefined));
    const { err } = await ends(0, 'backfill', PRODUCT, OTHER);
    expect(err).toMatch(/coinbase circuit OPENED/);
    expect(err).toMatch(/coinbase circuit HALF_OPEN \(testing recovery\)/);
    expect(err).toMatch(/coinbase circuit CLOSED - exchange recovered \(3 consecutive successes\)/);
    await expectAll();
  });
});

describe('rate limits', () => {
  it('a storm of 429 slows the run and loses nothing; each is told as documented', async () => {
    await troubledWorld((index) => (index % 3 === 1 ? { kind: 'status', status: 429 } : undefined));
    const { err } = await ends(0, 'backfill', PRODUCT, OTHER);
    expect(err).toMatch(/\[API\] BTC-USD: RATE LIMITED \(429\), re-queued \(attempt 2\/10\)/);
    expect(err).not.toMatch(/circuit OPENED/);
    await expectAll();
  });

  it('nothing but 429: ten tries, then exit 6', async () => {
    await troubledWorld(() => ({ kind: 'status', status: 429 }));
    const { err } = await ends(exitCodes.unavailable, 'ingest', PRODUCT);
    expect(world.requests()).toBe(10);
    expect(err).toMatch(/429/);
  });
});

describe('an exchange that refuses', () => {
  it.each([401, 403, 451])('HTTP %d: it stops at once, exit 1, with the remedy in words', async (status) => {
    await troubledWorld(() => ({ kind: 'status', status }));
    const { err } = await ends(exitCodes.error, 'ingest', PRODUCT, OTHER);
    expect(world.requests()).toBeLessThanOrEqual(3);
    expect(err).toContain(String(status));
  });
});

describe('answers that are wrong in every known way', () => {
  const kinds = [
    'truncated',
    'reset',
    'no-reply',
    'short-page',
    'empty-page',
    'missing-row',
    'unsorted-rows',
    'duplicate-rows',
    'text-ids',
    'content-length',
  ] as const;

  it('half of all pages: backfill and repair end with exactly the exchange’s trades', async () => {
    let isOver = false;
    const met = new Set<string>();
    await troubledWorld((index, url) => {
      // Probes and heads stay right here: what lies about those is the business of the connector's and the ingest's tests.
      if (isOver || index % 2 === 0 || !url.includes('limit=1000')) return undefined;
      const kind = kinds[met.size % kinds.length] ?? 'reset';
      met.add(`${kind} ${index}`);
      return { kind };
    });
    const first = await world.run(['backfill', PRODUCT, OTHER]);
    expect([0, 3], first.err).toContain(first.code);
    expect(met.size).toBeGreaterThan(8);
    isOver = true;
    await ends(0, 'repair');
    await expectAll();
  });
});
