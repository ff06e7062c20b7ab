import { afterEach, describe, expect, it } from 'vitest';
import { exitCodes } from '../exit-codes.js';
import { createIdleClock } from '../testing/idle-clock.js';
import { createWorld, WORLD_NOW, type World, type WorldOptions } from '../testing/virtual-run.js';

let world: World;
afterEach(() => world.remove());

async function probe(alter?: WorldOptions['alter'], sim: WorldOptions['sim'] = {}) {
  world = await createWorld({
    clock: createIdleClock(WORLD_NOW),
    products: [{ id: 'BTC-USD', trades: 20_000 }],
    sim,
    ...(alter === undefined ? {} : { alter }),
  });
  return await world.run(['probe', 'coinbase', '--rate', '10', '--burst', '5']);
}

/** Every row of every page of trades, changed. */
const onRows =
  (change: (rows: Record<string, unknown>[], url: string) => unknown): NonNullable<WorldOptions['alter']> =>
  async (answer, url) => {
    if (!url.includes('/trades') || answer.status !== 200) return answer;
    const rows = (await answer.json()) as Record<string, unknown>[];
    const headers = Object.fromEntries([...answer.headers].filter(([name]) => name !== 'content-length'));
    return new Response(JSON.stringify(change(rows, url)), { status: 200, headers });
  };

describe('probe coinbase', () => {
  it('against an exchange as it is documented: every fact holds, exit 0, within the rate limit', async () => {
    const { code, out, err } = await probe(undefined, { rateLimit: { ratePerSecond: 10, burst: 15 }, staleHead: true });
    expect(code, out + err).toBe(exitCodes.complete);
    expect(out).toMatch(/simulated\.exchange, BTC-USD: 17 facts, all hold\.\n$/);
    expect(world.sim.stats.rateLimited).toBe(0);
    expect(world.requests()).toBeLessThan(40);
  });

  it.each([
    ['row', onRows((rows) => rows.map((row) => ({ ...row, maker_order_id: 'x' })))],
    ['row', onRows((rows) => rows.map((row) => ({ ...row, time: `${row.time}`.replace('Z', '+00') })))],
    ['order', onRows((rows) => rows.toReversed())],
    ['limit', onRows((rows) => rows.slice(0, 500))],
    ['after-exclusive', onRows((rows, url) => (url.includes('after=') ? rows.slice(1) : rows))],
    ['dense', onRows((rows) => rows.filter((_, i) => i !== 7))],
    ['two-row-question', onRows((rows, url) => (url.includes('limit=2&') ? rows.slice(0, 1) : rows))],
    ['history', onRows((rows, url) => (url.includes('after=1000') ? [] : rows))],
    [
      'unknown-product',
      async (answer, url) => (url.includes('NO-SUCH') ? Response.json({ message: 'gone' }, { status: 410 }) : answer),
    ],
    ['bad-cursor', async (answer, url) => (url.includes('after=x') ? Response.json([], { status: 200 }) : answer)],
    ['catalogue', async (answer, url) => (url.endsWith('/products') ? Response.json({ products: [] }) : answer)],
    ['json', async (answer, url) => (url.endsWith('/time') ? new Response('<html>', { status: 503 }) : answer)],
  ] as [string, NonNullable<WorldOptions['alter']>][])(
    'tells that %s differs, with what was seen, exit 4',
    async (name, alter) => {
      const { code, out } = await probe(alter);
      expect(code).toBe(exitCodes.damage);
      expect(out).toMatch(new RegExp(`^DIFFERS ${name} .*\n +seen: \\S`, 'm'));
      expect(out).toMatch(new RegExp(`differ \\(.*\\b${name}\\b.*\\): do not trust`));
    },
  );

  it('an exchange that is not there: a sentence, exit 6', async () => {
    const { code, err } = await probe(() => {
      throw new TypeError('fetch failed', { cause: Object.assign(new Error('no'), { code: 'ECONNREFUSED' }) });
    });
    expect(code).toBe(exitCodes.unavailable);
    expect(err).toMatch(/no whole answer to .*ECONNREFUSED/);
  });

  it('--json is one object', async () => {
    await probe();
    const run = await world.run(['probe', 'coinbase', '--json']);
    expect(run.json<{ findings: { holds: boolean }[] }>().findings.every(({ holds }) => holds)).toBe(true);
  });
});
