import { describe, expect, it } from 'vitest';
import { createPacedBench } from './testing/paced-bench.js';
import { requireTruth, START } from './testing/sim-bench.js';

const P = 'X-USD';
const KINDS = ['status', 'reset', 'truncated', 'stale-head', 'short-page', 'slow'] as const;

describe('one request in five goes wrong: 5xx in JSON and HTML, resets, cut bodies, stale heads, short pages, silence', () => {
  it.each([1, 2, 3])('100,000 trades are there, each once and as the exchange has it (seed %i)', async (seed) => {
    const bench = createPacedBench({
      seed,
      gridSize: 250,
      products: [{ id: P, trades: 100_000, voids: [{ first: 40_040, last: 40_084 }], endTime: START - 3600_000 }],
      latencyMs: { mean: 300, sigma: 0.5 },
      faults: { share: 0.2, kinds: KINDS },
    });
    let result = await bench.run('backfill', [P], {}, bench.context);
    for (let runs = 0; runs < 3 && result.products[0]?.state !== 'complete'; runs++)
      result = await bench.run('repair', [P], {}, bench.context);
    await requireTruth(bench, result, P);
    const { lines } = await bench.raw(P);
    for (const { id, price, size, side, time } of bench.sim.control.tradesOf(P)) {
      const row = JSON.parse(`${lines.get(id)}}`) as Record<string, unknown>;
      if (row.price !== price || row.size !== size || row.side !== side || row.time !== time)
        expect({ id, ...row }).toMatchObject({ id, price, size, side, time });
    }
    for (const kind of KINDS.filter((each) => each !== 'stale-head'))
      expect(bench.sim.stats.faults[kind], kind).toBeGreaterThan(3);
    expect(bench.sim.stats.rateLimited).toBe(0);
  });
});
