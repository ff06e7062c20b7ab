import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lakeHashes } from '../testing/lake-files.js';
import { createWorld, type World } from '../testing/virtual-run.js';

let world: World;

beforeEach(async () => {
  world = await createWorld({
    products: [
      { id: 'BTC-USD', trades: 40 },
      { id: 'WLD-USD', trades: 30 },
    ],
  });
});
afterEach(() => world.remove());

const productsOf = async (): Promise<string[]> =>
  (await world.run(['ingest', '--json']))
    .json<{ products: { product_id: string }[] }>()
    .products.map(({ product_id }) => product_id);

describe('update-seed --in-lake', () => {
  it('is the list of whoever works on that lake without one of their own', async () => {
    const { code, err } = await world.run(['update-seed', '--in-lake', '--filter-regex', '^WLD']);
    expect([code, err]).toEqual([0, expect.stringContaining('1 products were written to')]);
    expect(await productsOf()).toEqual(['WLD-USD']);
    expect((await world.run(['update-seed', '--in-lake', '--filter-regex', '^BTC', '--merge'])).code).toBe(0);
    expect((await productsOf()).sort()).toEqual(['BTC-USD', 'WLD-USD']);
  });

  it('--dry-run writes nothing; a list that matches nothing replaces none', async () => {
    expect((await world.run(['update-seed', '--in-lake'])).code).toBe(0);
    const before = await lakeHashes(world.lake);
    expect((await world.run(['update-seed', '--in-lake', '--filter-regex', '^WLD', '--dry-run'])).code).toBe(0);
    expect((await world.run(['update-seed', '--in-lake', '--filter-regex', '^NOPE'])).code).toBe(2);
    expect(await lakeHashes(world.lake)).toEqual(before);
  });
});
