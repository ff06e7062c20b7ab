import { copyFile, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exitCodes } from './exit-codes.js';
import { expectedRows, filesBelow, lakeHashes, readTableRows } from './testing/lake-files.js';
import { type CliRun, createWorld, type World, type WorldOptions } from './testing/virtual-run.js';

const mappingFile = new URL('../../../mappings/coinbase_trades.yaml', import.meta.url);
const PRODUCT = 'BTC-USD';
const SMALL = 'WLD-USD';

let world: World;
afterEach(() => world.remove());

/** A proven lake of two products; BTC-USD lies in three raw objects. */
async function provenWorld(more: Partial<WorldOptions> = {}): Promise<void> {
  world = await createWorld({
    products: [
      { id: PRODUCT, trades: 3500, voids: [12] },
      { id: SMALL, trades: 40 },
    ],
    ...more,
  });
  await ends(0, 'backfill', PRODUCT, SMALL, '--object-trades', '1000');
  await ends(0, 'transform');
  await ends(0, 'verify');
  // Leaves its lease file: from here on every new file is news.
  await ends(0, 'compact');
}

async function ends(code: number, ...args: string[]): Promise<CliRun> {
  const run = await world.run(args);
  expect(run.code, `${args.join(' ')}: ${run.out}${run.err}`).toBe(code);
  return run;
}

async function rawObjects(product = PRODUCT): Promise<string[]> {
  const prefix = `raw_coinbase_trades/${product}/`;
  return (await filesBelow(world.lake)).filter((path) => path.startsWith(prefix)).map((path) => join(world.lake, path));
}

async function liveFiles(): Promise<string[]> {
  const { current, snapshots } = (await world.run(['snapshots', '--files', '--json'])).json<{
    current: number;
    snapshots: { number: number; files: { path: string }[] }[];
  }>();
  return snapshots.find(({ number }) => number === current)?.files.map(({ path }) => path) ?? [];
}

/** The table is what the exchange has; of `without` ids nothing is there. */
async function expectTable(without: readonly number[] = []): Promise<void> {
  const { bySymbol } = await readTableRows(world.lake, await liveFiles());
  const gone = new Set(without.map(String));
  for (const product of [PRODUCT, SMALL])
    expect(bySymbol[product]).toEqual(
      expectedRows(world.sim, product).filter((row) => product !== PRODUCT || !gone.has(row.split('|')[0] ?? '')),
    );
}

async function mapping(change: (text: string) => string): Promise<string> {
  const path = join(world.folder, 'mapping.yaml');
  await writeFile(path, change(await readFile(mappingFile, 'utf8')));
  return path;
}

describe('mappings', () => {
  beforeEach(() => provenWorld());

  it.each<readonly [string, (text: string) => string, RegExp]>([
    ['no YAML', (text) => `${text}\n  - [`, /mapping\.yaml:\d+/],
    [
      'an unknown column',
      (text) => text.replace('size: quantity', 'size: quantty'),
      /mapping\.yaml:\d+.*quantty.*quantity/s,
    ],
    [
      'an unknown transform',
      (text) => text.replace('maker_to_taker', 'maker_to_takr'),
      /mapping\.yaml:\d+.*maker_to_takr.*maker_to_taker/s,
    ],
    ['an unknown member', (text) => text.replace('constants:', 'constnts:'), /mapping\.yaml:\d+.*constnts.*constants/s],
    ['another source', (text) => text.replace('raw_coinbase_trades', 'raw_kraken_trades'), /raw_kraken_trades/],
    ['an empty file', () => '', /mapping\.yaml/],
  ])('%s: exit 2 with file, line and suggestion; nothing changes', async (_what, change, sentence) => {
    const path = await mapping(change);
    const before = await lakeHashes(world.lake);
    world.sim.control.addTrades(PRODUCT, 10);
    for (const args of [['transform'], ['transform', '--rebuild'], ['compact']]) {
      const { err } = await ends(exitCodes.usage, ...args, '--mapping-path', path);
      expect(err).toMatch(sentence);
      expect(err).not.toMatch(/^\s+at .*:\d+:\d+/m);
    }
    expect(await lakeHashes(world.lake)).toEqual(before);
  });

  it('an edited one is refused, also when nothing is new, until --rebuild; then the table means what it says', async () => {
    // Taken as the maker's side: another meaning of the same column.
    const path = await mapping((text) => text.replace('side: maker_to_taker', 'side: upper'));
    const before = await lakeHashes(world.lake);
    const { err } = await ends(exitCodes.usage, 'transform', '--mapping-path', path);
    expect(err).toMatch(/mapping.*--rebuild/s);
    expect(await lakeHashes(world.lake)).toEqual(before);
    world.sim.control.addTrades(PRODUCT, 10);
    await ends(0, 'ingest', PRODUCT);
    await ends(exitCodes.usage, 'transform', '--mapping-path', path);
    await ends(exitCodes.usage, 'compact', '--mapping-path', path);
    await ends(0, 'transform', '--rebuild', '--mapping-path', path);
    const files = await liveFiles();
    expect(files.every((file) => file.startsWith('unified_trades/v2/'))).toBe(true);
    const { bySymbol } = await readTableRows(world.lake, files);
    const makers = expectedRows(world.sim, PRODUCT).map((row) =>
      row.includes('|BUY|') ? row.replace('BUY', 'SELL') : row.replace('SELL', 'BUY'),
    );
    expect(bySymbol[PRODUCT]).toEqual(makers);
    // Back again, the same way.
    await ends(exitCodes.usage, 'transform');
    await ends(0, 'transform', '--rebuild');
    await expectTable();
    await ends(0, 'verify', '--deep');
  });
});

describe('raw objects', () => {
  beforeEach(() => provenWorld());

  it.each<readonly [string, (path: string) => Promise<void>]>([
    ['cut in the middle', (path) => truncate(path, 400)],
    ['emptied', (path) => truncate(path, 0)],
    [
      'with a flipped byte',
      async (path) => {
        const bytes = await readFile(path);
        bytes[Math.floor(bytes.length / 2)]! ^= 0x10;
        await writeFile(path, bytes);
      },
    ],
    [
      'with an edited price in sound gzip',
      async (path) => {
        const text = gunzipSync(await readFile(path)).toString('utf8');
        await writeFile(
          path,
          gzipSync(text.replace(/"price":"(\d)/, (_, digit: string) => `"price":"${(Number(digit) % 9) + 1}`)),
        );
      },
    ],
    [
      'without its last row',
      async (path) => {
        const lines = gunzipSync(await readFile(path))
          .toString('utf8')
          .trimEnd()
          .split('\n');
        await writeFile(path, gzipSync(`${lines.slice(0, -1).join('\n')}\n`));
      },
    ],
    ['holding another object’s rows', async (path) => copyFile((await rawObjects())[2]!, path)],
  ])('%s: verify --deep condemns it, repair heals it', async (_what, damage) => {
    const path = (await rawObjects())[1]!;
    await damage(path);
    const damaged = await readFile(path);
    const found = await ends(exitCodes.damage, 'verify', '--deep');
    const name = path.slice(world.lake.length + 1);
    expect(`${found.out}${found.err}`).toContain(name);
    expect(found.out).toMatch(/NOT PROVEN.*schemahub repair/);
    await ends(0, 'repair');
    await ends(0, 'transform');
    const healed = await ends(0, 'verify', '--deep');
    expect(healed.out).toMatch(/^PROVEN/m);
    // What was found is kept as it was found; the good copy stands beside it.
    expect(await readFile(path)).toEqual(damaged);
    expect((await rawObjects()).some((other) => other.endsWith('.r2.jsonl.gz'))).toBe(true);
    await expectTable();
    const before = await lakeHashes(world.lake);
    for (const args of [['repair'], ['transform'], ['verify'], ['ingest', PRODUCT, SMALL]]) await ends(0, ...args);
    expect(await lakeHashes(world.lake)).toEqual(before);
  });

  it('damaged before its transform: the transform tells, leaves the good ones in, and goes on after repair', async () => {
    world.sim.control.addTrades(PRODUCT, 1600);
    await ends(0, 'ingest', PRODUCT, '--object-trades', '1000');
    const news = (await rawObjects()).at(-1)!;
    await truncate(news, 100);
    const { err } = await ends(exitCodes.damage, 'transform');
    expect(err).toContain(news.slice(world.lake.length + 1));
    expect(err).toContain('schemahub repair');
    await ends(0, 'repair');
    await ends(0, 'transform');
    await expectTable();
    await ends(0, 'verify', '--deep');
  });

  it('missing: verify names it, repair fetches its trades again', async () => {
    const path = (await rawObjects())[0]!;
    await rm(path);
    const { out, err } = await ends(exitCodes.damage, 'verify');
    expect(err).toContain(path.slice(world.lake.length + 1));
    expect(out).toMatch(/schemahub repair/);
    const repaired = await ends(0, 'repair');
    expect(repaired.err).toContain(`condemned ${path.slice(world.lake.length + 1)}`);
    await ends(0, 'transform');
    await ends(0, 'verify', '--deep');
    await expectTable();
  });
});

describe('the table', () => {
  beforeEach(() => provenWorld());

  it.each<readonly [string, (lake: string, file: string) => Promise<string>]>([
    [
      'a flipped byte in a Parquet file',
      async (lake, file) => {
        const bytes = await readFile(join(lake, file));
        bytes[200]! ^= 1;
        await writeFile(join(lake, file), bytes);
        return file;
      },
    ],
    [
      'a missing Parquet file',
      async (lake, file) => {
        await rm(join(lake, file));
        return file;
      },
    ],
    [
      'a missing file list',
      async (lake) => {
        const list = (await filesBelow(lake)).find((path) => path.startsWith('unified_trades/files/'))!;
        await rm(join(lake, list));
        return list;
      },
    ],
    [
      'an edited commit',
      async (lake) => {
        const commit = 'unified_trades/commits/00000000000000000001.json';
        const text = await readFile(join(lake, commit), 'utf8');
        await writeFile(join(lake, commit), text.replace(/"rows":\s*(\d)/, '"rows":9$1'));
        return 'commit 1';
      },
    ],
  ])('%s: verify --deep ends 4 and names it', async (_what, damage) => {
    const files = await liveFiles();
    const named = await damage(world.lake, files.find((path) => path.includes(PRODUCT))!);
    const { out, err } = await ends(exitCodes.damage, 'verify', '--deep');
    expect(`${out}${err}`).toContain(named);
    expect(`${out}${err}`).not.toMatch(/^PROVEN/m);
  });
});

describe('records that the mapping refuses', () => {
  /** The page's rows with `change` made to those of the ids. */
  const altered =
    (ids: ReadonlySet<number>, change: (row: Record<string, unknown>) => Record<string, unknown>) =>
    async (answer: Response, url: string): Promise<Response> => {
      if (!url.includes(`/products/${PRODUCT}/trades`)) return answer;
      const rows = (await answer.json()) as Record<string, unknown>[];
      const headers = new Headers(answer.headers);
      headers.delete('content-length');
      return new Response(JSON.stringify(rows.map((row) => (ids.has(Number(row.trade_id)) ? change(row) : row))), {
        status: answer.status,
        headers,
      });
    };

  it.each<readonly [string, (row: Record<string, unknown>) => Record<string, unknown>]>([
    ['an unknown side', (row) => ({ ...row, side: 'hold' })],
    ['a price of zero', (row) => ({ ...row, price: '0.00' })],
    ['a negative size', (row) => ({ ...row, size: '-1' })],
    ['a price that is no number', (row) => ({ ...row, price: 'NaN' })],
    ['a size beyond every double', (row) => ({ ...row, size: '1e999' })],
    ['no size', ({ size: _size, ...row }) => row],
    ['a null price', (row) => ({ ...row, price: null })],
  ])('one among 500, %s: quarantined by name, the others are in the table, later runs end 0', async (_what, change) => {
    world = await createWorld({
      products: [
        { id: PRODUCT, trades: 500 },
        { id: SMALL, trades: 40 },
      ],
      alter: altered(new Set([321]), change),
    });
    await ends(0, 'backfill', PRODUCT, SMALL);
    const { err } = await ends(exitCodes.damage, 'transform');
    expect(err).toMatch(/quarantined .*raw_coinbase_trades\/BTC-USD\/\S+ line 321, id 321: \S+/);
    await expectTable([321]);
    const before = await lakeHashes(world.lake);
    await ends(0, 'transform');
    await ends(0, 'ingest', PRODUCT, SMALL);
    expect(await lakeHashes(world.lake)).toEqual(before);
    const verified = await ends(0, 'verify', '--deep');
    expect(verified.out.trimEnd().split('\n').at(-1)).toMatch(/PROVEN.*1 quarantined/);
    const asked = await ends(0, 'query', 'SELECT * FROM quarantine', '-o', 'jsonl');
    expect(asked.out).toContain('321');
  });

  it('eleven among 500 fail the run: nothing is committed, exit 4, and --max-bad is named; with it they are quarantined', async () => {
    const bad = Array.from({ length: 11 }, (_, i) => 100 + i * 7);
    world = await createWorld({
      products: [
        { id: PRODUCT, trades: 500 },
        { id: SMALL, trades: 40 },
      ],
      alter: altered(new Set(bad), (row) => ({ ...row, side: 'hold' })),
    });
    await ends(0, 'backfill', PRODUCT, SMALL);
    const { err } = await ends(exitCodes.damage, 'transform');
    expect(err).toMatch(/11/);
    expect(err).toContain('--max-bad');
    expect((await filesBelow(world.lake)).filter((path) => path.includes('/commits/'))).toEqual([]);
    await ends(exitCodes.damage, 'transform', '--max-bad', '0.5');
    await expectTable(bad);
    await ends(0, 'verify', '--deep');
  });
});

describe('another origin', () => {
  it('is refused with both addresses, exit 2, nothing changed; --accept-origin goes on', async () => {
    await provenWorld();
    const before = await lakeHashes(world.lake);
    const elsewhere = { environment: { COINBASE_API_URL: 'https://other.exchange' } };
    world.sim.control.addTrades(PRODUCT, 50);
    for (const command of ['ingest', 'backfill', 'repair']) {
      const { code, err } = await world.run([command, PRODUCT, SMALL], elsewhere);
      expect(code, err).toBe(exitCodes.usage);
      expect(err).toMatch(/https:\/\/simulated\.exchange.*https:\/\/other\.exchange.*--accept-origin/s);
    }
    expect(await lakeHashes(world.lake)).toEqual(before);
    expect((await world.run(['ingest', PRODUCT, SMALL, '--accept-origin'], elsewhere)).code).toBe(0);
    expect((await world.run(['ingest', PRODUCT, SMALL], elsewhere)).code).toBe(0);
    await ends(0, 'transform');
    await expectTable();
  });
});

describe('ids that restart', () => {
  it('stop the product: exit 4, "id space changed", nothing lost', async () => {
    await provenWorld();
    const table = await liveFiles();
    world.sim.control.restartIds(PRODUCT, { trades: 200 });
    const { err } = await ends(exitCodes.damage, 'ingest', PRODUCT, SMALL);
    expect(err).toMatch(/id space changed/);
    expect(await liveFiles()).toEqual(table);
    await ends(0, 'verify', '--deep');
  });
});
