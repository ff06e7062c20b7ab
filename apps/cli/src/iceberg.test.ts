import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { exitCodes } from './exit-codes.js';
import { lakeHashes } from './testing/lake-files.js';
import { createWorld, type World } from './testing/virtual-run.js';

const P = 'BTC-USD';
const IDS = 'SELECT symbol, trade_id, price, quantity, trade_ts FROM trades_unified ORDER BY symbol, trade_id::BIGINT';

let world: World;
beforeAll(async () => {
  world = await createWorld({
    products: [
      { id: P, trades: 600 },
      { id: 'WLD-USD', trades: 30 },
    ],
  });
});
afterAll(() => world.remove());

interface Face {
  readonly state: string;
  readonly commit: number | null;
  readonly newest_commit: number;
  readonly snapshots: readonly { readonly commit?: number; readonly operation: string; readonly rows: number }[];
}

async function ended(
  args: readonly string[],
  code: number = exitCodes.complete,
): Promise<{ out: string; err: string }> {
  const run = await world.run(args);
  expect(run.code, `${args.join(' ')}: ${run.err}`).toBe(code);
  return run;
}

async function face(code: number = exitCodes.complete): Promise<Face> {
  return JSON.parse((await ended(['iceberg', 'status', '--json'], code)).out) as Face;
}

/** Rows of a snapshot by our commits and by the published metadata: the same text. */
async function sameRows(...flags: string[]): Promise<number> {
  const ours = await ended(['query', IDS, '-o', 'csv', ...flags]);
  const published = await ended(['query', IDS, '-o', 'csv', ...flags, '--via', 'iceberg']);
  expect(published.out).toBe(ours.out);
  return ours.out.trim().split('\n').length - 1;
}

it('publish, behind, evolve, compact, time travel, expire, vacuum: the face shows our snapshots', async () => {
  await ended(['backfill', P, 'WLD-USD']);
  await ended(['transform']);
  expect(await face()).toMatchObject({ state: 'current', commit: 1, snapshots: [{ commit: 1, rows: 630 }] });
  expect(await sameRows()).toBe(630);

  // A commit that was not published: told, and healed by the next publish, which a dry run only names.
  world.sim.control.addTrades(P, 50);
  await ended(['ingest', P]);
  await ended(['transform', '--iceberg', 'none']);
  expect(await face(exitCodes.incomplete)).toMatchObject({ state: 'behind', commit: 1, newest_commit: 2 });
  expect((await ended(['query', IDS, '--via', 'iceberg', '--snapshot', '2'], exitCodes.usage)).err).toMatch(
    /--via iceberg: no published snapshot shows commit 2\. See: schemahub iceberg status/,
  );
  // Without a number: what the world sees.
  const seen = await ended(['query', 'SELECT count(*) AS n FROM trades_unified', '-o', 'csv', '--via', 'iceberg']);
  expect(seen.out.trim().split(/\r?\n/)[1]).toBe('630');
  const before = await lakeHashes(world.lake);
  expect((await ended(['iceberg', 'publish', '--dry-run'])).err).toMatch(/dry run: commit 2 would be published/);
  expect(await lakeHashes(world.lake)).toEqual(before);
  expect((await ended(['iceberg', 'publish'])).err).toMatch(/commit 2 published in file:\/\//);
  expect(await sameRows()).toBe(680);
  const published = await lakeHashes(world.lake);
  expect((await ended(['iceberg', 'publish'])).err).toMatch(/nothing to publish: .* shows all that is committed/);
  expect(await lakeHashes(world.lake)).toEqual(published);

  // A new column is a new schema; what was there before stays readable.
  world.sim.control.addTrades(P, 5);
  await ended(['ingest', P]);
  await ended(['transform', '--decimals']);
  const exact = "SELECT count(*) AS n, count(price_dec) AS exact FROM trades_unified WHERE symbol = 'BTC-USD'";
  for (const via of [[], ['--via', 'iceberg']])
    expect((await ended(['query', exact, '-o', 'csv', ...via])).out.trim().split(/\r?\n/)[1]).toBe('655,5');
  expect(await sameRows('--snapshot', '1')).toBe(630);
  expect(await sameRows('--snapshot', '2')).toBe(680);

  await ended(['compact']);
  const { snapshots } = await face();
  expect(snapshots.map(({ operation }) => operation).reverse()).toEqual(['append', 'append', 'append', 'replace']);
  expect(await sameRows()).toBe(685);

  // Forgotten snapshots are gone from the face and its folder; what is current or among the newest ten stays.
  for (let round = 0; round < 4; round++) for (const number of ['1', '4']) await ended(['rollback', number]);
  await ended(['rollback', '--release']);
  expect((await face()).snapshots).toHaveLength(12);
  // Only short waits move this clock on: 30 days in steps of 10 s would be long, 2 hours are enough for an hour.
  for (let waits = 0; waits < 720; waits++) await world.clock.sleep(10_000);
  const count = async (): Promise<number> =>
    (await readdir(join(world.lake, 'unified_trades/metadata'))).filter((name) => /^snap-/.test(name)).length;
  expect(await count()).toBe(12);
  expect((await ended(['iceberg', 'expire', '--keep', '1h'])).err).toMatch(/2 snapshots/);
  expect((await face()).snapshots).toHaveLength(10);
  await ended(['vacuum', '--keep', '1h']);
  expect(await sameRows()).toBe(685);
  const after = await lakeHashes(world.lake);
  await ended(['iceberg', 'expire', '--keep', '1h']);
  expect(await lakeHashes(world.lake)).toEqual(after);
});

it('what another engine committed is refused with the command that replaces it, and exit 4', async () => {
  const folder = join(world.lake, 'unified_trades/metadata');
  const versions = (await readdir(folder))
    .flatMap((name) => /^v(\d+)\.metadata\.json$/.exec(name)?.[1] ?? [])
    .map(Number);
  const newest = Math.max(...versions);
  const text = await readFile(join(folder, `v${newest}.metadata.json`), 'utf8');
  // As text: snapshot ids of 63 bits do not survive JSON numbers.
  await writeFile(join(folder, `v${newest + 1}.metadata.json`), text.replaceAll('"schemahub.', '"other.'));
  expect(await face(exitCodes.damage)).toMatchObject({ state: 'foreign' });
  expect((await ended(['iceberg', 'publish'], exitCodes.damage)).err).toMatch(/schemahub iceberg publish --replace/);
  await ended(['iceberg', 'publish', '--replace']);
  expect(await face()).toMatchObject({ state: 'current' });
  expect(await sameRows()).toBe(685);
});

it('the raw records, when they are wanted', async () => {
  const { out } = await ended(['iceberg', 'publish', '--raw', '--json']);
  expect(JSON.parse(out)).toMatchObject({ raw: [{ table: 'raw_coinbase_trades', rows: 685, refused: 0 }] });
  expect((await ended(['iceberg', 'publish', '--raw'])).err).toMatch(/raw_coinbase_trades: nothing new/);
});
