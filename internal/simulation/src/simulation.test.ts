// First of all: what comes under the seed must do so before others take it.
import './under-seed.js';

import { describe, expect, it } from 'vitest';
import { play } from './play.js';
import { regressions } from './regressions.js';
import { type Action, type Command, drawScenario } from './scenario.js';
import { faultsIn } from './shrink.js';
import { type Outcome, simulate } from './simulate.js';

const run = (seed: number, withHistory = false): Promise<Outcome> =>
  simulate(drawScenario(seed), play, { withHistory });

describe('a simulation', () => {
  it('is one integer: the same seed gives the same history to the last byte, another seed another one', async () => {
    const [first, again, other] = [await run(3), await run(3), await run(4)];
    expect(again.hash).toBe(first.hash);
    expect(again.steps).toBe(first.steps);
    expect(other.hash).not.toBe(first.hash);
  });

  it('tells its history readably, and the telling changes nothing', async () => {
    const [silent, told] = [await run(6), await run(6, true)];
    expect(told.hash).toBe(silent.hash);
    expect(told.history.filter((line) => / p\d+ starts \w+/.test(line)).length).toBeGreaterThan(3);
    expect(
      told.history.some((line) => /^\d+\.\d{3} [pz]\d+#\d+ create raw_coinbase_trades\/\S+ -> created/.test(line)),
    ).toBe(true);
    expect(faultsIn(told.history).length).toBeGreaterThan(0);
  });

  it('keeps the files that a late Iceberg face still shows: vacuum runs twice before compaction is published', async () => {
    const command = (process: string, name: Command, isUnpublished = false): readonly Action[] => [
      { do: 'start', process, command: name, isNeighbour: false, faults: 0, isUnpublished },
      { do: 'join' },
    ];
    const day: Action = { do: 'wait', ms: 25 * 3_600_000 };
    const trade: Action = { do: 'trade', product: 'P0-USD', count: 9 };
    const { violations, history } = await simulate(
      {
        ...drawScenario(1, { publishes: true }),
        products: [{ id: 'P0-USD', firstId: 1, trades: 70, voids: [], ratePerSecond: 50 }],
        exchangeFaults: { share: 0, kinds: [] },
        keepMs: 0,
        keepSnapshots: 1,
        actions: [
          ...command('p1', 'backfill'),
          ...command('p2', 'transform'),
          trade,
          ...command('p3', 'ingest'),
          ...command('p4', 'transform'),
          ...command('p5', 'compact', true),
          day,
          ...command('p6', 'vacuum'),
          day,
          ...command('p7', 'vacuum'),
        ],
      },
      play,
      { withHistory: true },
    );
    expect(violations).toEqual([]);
    expect(history.filter((line) => /p[67] vacuum ends: /.test(line)).map((line) => line.replace(/^\S+ /, ''))).toEqual(
      [
        expect.stringMatching(/^p6 vacuum ends: deleted 0, retired [1-9]/),
        expect.stringMatching(/^p7 vacuum ends: deleted \d+, retired 0/),
      ],
    );
  });

  it.each(regressions)('that found a bug stays whole: $what', async ({ scenario }) => {
    expect((await simulate(scenario, play)).violations).toEqual([]);
  });

  it('of any seed is whole (the first eight here; 300 in .ci/run; as many as you like: pnpm sim --seeds N)', async () => {
    for (let seed = 1; seed <= 8; seed++) expect([seed, (await run(seed)).violations]).toEqual([seed, []]);
  });

  it.each(['binance', 'kraken'] as const)(
    'of any seed is whole on %s, too, published as Iceberg snapshots (four here; 100 in .ci/run)',
    async (exchange) => {
      for (let seed = 1; seed <= 4; seed++) {
        const { violations, commits } = await simulate(drawScenario(seed, { exchange, publishes: true }), play);
        expect([seed, violations, commits > 0]).toEqual([seed, [], true]);
      }
    },
  );
});
