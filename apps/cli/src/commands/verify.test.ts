import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { parseCertificate } from '@schemahub/audit/certificate';
import { createLayout, encodeRawObject, writeEvidence } from '@schemahub/lake';
import { createFolderStore } from '@schemahub/object-store';
import { describe, expect, it } from 'vitest';
import { runCli } from '../cli.js';
import type { Io } from '../io.js';

const PRODUCT = 'BTC-USD';
const TIME = '2026-11-21T12:00:00.000Z';
const layout = createLayout();

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs one command line in a folder of its own. */
async function schemahub(folder: string, ...argv: string[]): Promise<Outcome> {
  let out = '';
  let err = '';
  const io: Io = {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    isTerminal: false,
    isErrTerminal: false,
    columns: 100,
    style: (_style, text) => text,
    environment: {},
    folder,
    input: Readable.from([]),
    output: new Writable(),
  };
  const code = await runCli([...argv, '--lake', join(folder, 'lake')], io);
  return { code, out, err };
}

/** A lake with ids 1 … 10, of which `held` are in one raw object. */
async function lakeFolder(held: readonly number[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'schemahub-'));
  const store = createFolderStore({ folder: join(folder, 'lake'), sleep: async () => undefined });
  const empty = { request: 'after=1', ids: [], date: TIME };
  await writeEvidence(store, layout, {
    version: 1,
    exchange: 'coinbase',
    product_id: PRODUCT,
    time: TIME,
    symbol: PRODUCT,
    origin: 'https://sim.test',
    asked: '0-',
    head: { id: 10, seen_at: TIME },
    floor: { id: 1, requests: [empty, { ...empty, date: '2026-11-21T12:00:05.000Z' }] },
  });
  const line = (id: number): Buffer =>
    Buffer.from(
      `{"trade_id":${id},"side":"buy","size":"0.5","price":"${100 + id}","time":"2026-11-20T12:00:${10 + id}Z","product_id":"${PRODUCT}","_source":"coinbase","_symbol":"${PRODUCT}"`,
    );
  const rows = {
    ids: Float64Array.from(held),
    lines: held.map(line),
    ingestTs: held.map(() => '2026-11-21T11:59:00.000000Z'),
  };
  const { name, bytes } = await encodeRawObject(layout.raw('coinbase', PRODUCT), rows);
  await store.putIfAbsent(name.key, bytes);
  return folder;
}

const ALL = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

describe('schemahub verify', () => {
  it('proves a whole lake in 80 columns, one last line, exit 0', async () => {
    const folder = await lakeFolder(ALL);
    const before = await schemahub(folder, 'verify');
    expect(before.code).toBe(3);
    expect(before.out).toMatch(/^NOT PROVEN: .*10 raw only \(no commit yet\); next: schemahub transform$/m);
    expect((await schemahub(folder, 'transform')).code).toBe(0);
    const { code, out } = await schemahub(folder, 'verify');
    expect(code).toBe(0);
    expect(
      out
        .split('\n')
        .slice(0, -2)
        .every((line) => line.length <= 80),
    ).toBe(true);
    expect(out.trimEnd().split('\n').at(-1)).toMatch(
      /^PROVEN: 1 product, 10 of 10 wanted trades in the table, 0 ids proven void, 0 missing \(commit 1, sha256 [0-9a-f]{64}\)$/,
    );
    const json = await schemahub(folder, 'verify', '--deep', '--json');
    expect(json.code).toBe(0);
    expect(parseCertificate(JSON.parse(json.out)).depth).toBe('deep');
    rmSync(folder, { recursive: true });
  });

  it('says what is missing and what to do, exit 3', async () => {
    const folder = await lakeFolder(ALL.filter((id) => id !== 5));
    await schemahub(folder, 'transform');
    const { code, out } = await schemahub(folder, 'verify');
    expect(code).toBe(3);
    expect(out).toMatch(/^NOT PROVEN: .* 9 of 10 wanted .* 1 missing \(commit 1, .*\); next: schemahub repair$/m);
    rmSync(folder, { recursive: true });
  });

  it('names damage, exit 4; tells only with --no-write', async () => {
    const folder = await lakeFolder(ALL);
    await schemahub(folder, 'transform');
    const raw = join(folder, 'lake', layout.raw('coinbase', PRODUCT));
    const [name] = readdirSync(raw);
    const bytes = readFileSync(join(raw, name!));
    bytes[bytes.length - 6]! ^= 1;
    rmSync(join(raw, name!));
    writeFileSync(join(raw, name!), bytes);
    const told = await schemahub(folder, 'verify', '--deep', '--no-write');
    expect([told.code, readdirSync(join(folder, 'lake')).includes('certificates')]).toEqual([4, false]);
    expect(told.err).toContain(`damaged-raw ${layout.raw('coinbase', PRODUCT)}${name}`);
    const { code, out, err } = await schemahub(folder, 'verify', '--deep');
    expect(code).toBe(4);
    expect(err).toContain('condemned-raw');
    expect(out).toMatch(/^NOT PROVEN: .*1 damage finding \(commit 1, .*\); next: schemahub repair$/m);
    rmSync(folder, { recursive: true });
  });

  it('refuses a place that holds nothing, exit 2, and names an unknown product, exit 3', async () => {
    const nowhere = await schemahub(mkdtempSync(join(tmpdir(), 'schemahub-')), 'verify');
    expect([nowhere.code, nowhere.err]).toEqual([2, expect.stringContaining('there is no lake here')]);
    const folder = await lakeFolder(ALL);
    await schemahub(folder, 'transform');
    const { code, err } = await schemahub(folder, 'verify', PRODUCT, 'DOGE-USD');
    expect([code, err]).toEqual([3, expect.stringContaining('DOGE-USD')]);
    rmSync(folder, { recursive: true });
  });
});

describe('schemahub status', () => {
  it('shows a bar, counts, times and the breaker', async () => {
    const folder = await lakeFolder(ALL.filter((id) => id !== 5));
    await schemahub(folder, 'transform');
    const { code, out } = await schemahub(folder, 'status');
    expect(code).toBe(0);
    expect(out).toMatch(/^BTC-USD +█{9}░ 90% +9 +0 +1 +0 +2026-11-20 +2026-11-20/m);
    expect(out).toContain('coinbase: circuit closed');
    const json = JSON.parse((await schemahub(folder, 'status', '--json')).out) as { products: object[] };
    expect(json.products).toMatchObject([{ product_id: PRODUCT, wanted: 10, in_table: 9, missing: 1, coverage: 0.9 }]);
    rmSync(folder, { recursive: true });
  });
});
