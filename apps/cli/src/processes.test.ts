import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CoinbaseSim, createCoinbaseSim, type SimServer, serve } from '@schemahub/exchange-sim';
import { createLayout } from '@schemahub/lake';
import { currentProcess } from '@schemahub/object-store';
import { loadConfig } from '@schemahub/runtime/config';
import { openLake } from '@schemahub/runtime/lake';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodes } from './exit-codes.js';
import { type BuiltCli, buildCli, type SpawnOptions } from './testing/built-cli.js';
import { expectedRows, filesBelow, lakeHashes, readTableRows } from './testing/lake-files.js';
import type { CliRun } from './testing/virtual-run.js';

/** What only real processes show: signals, streams, leases of the living, the rights of a user. */
const PRODUCT = 'BTC-USD';
const TRADES = 60_000;

let cli: BuiltCli;
let folder: string;
const servers: SimServer[] = [];

beforeAll(async () => {
  cli = await buildCli();
  folder = await mkdtemp(join(tmpdir(), 'schemahub-processes-'));
  await chmod(folder, 0o755);
});
afterAll(async () => {
  for (const server of servers) await server.close();
  await cli.remove();
  await rm(folder, { recursive: true, force: true });
});

/** An exchange and a lake of its own for each test, so that they wait for their probes side by side. */
interface Scene {
  readonly sim: CoinbaseSim;
  readonly lake: string;
  readonly options: (more?: Record<string, string>) => SpawnOptions;
  readonly ends: (code: number, args: readonly string[]) => Promise<CliRun>;
  /** Trades in raw objects, as their names say. */
  readonly rawTrades: () => Promise<number>;
  /** Resolves when the exchange has been asked `count` times more. */
  readonly requests: (count: number) => Promise<void>;
}

async function createScene(): Promise<Scene> {
  const sim = createCoinbaseSim({
    seed: 'processes',
    rateLimit: false,
    // Without a pause the whole history is there before a signal arrives.
    latencyMs: 60,
    products: [
      { id: PRODUCT, trades: TRADES, endTime: Date.now() - 15 * 60_000 },
      { id: 'WLD-USD', trades: 50, endTime: Date.now() - 15 * 60_000 },
    ],
  });
  const waiting: { readonly goal: number; readonly resolve: () => void }[] = [];
  const server = await serve({
    ...sim,
    handle: (request, signal) => {
      for (const { goal, resolve } of waiting) if (sim.stats.requests >= goal) resolve();
      return sim.handle(request, signal);
    },
  });
  servers.push(server);
  const lake = join(folder, `lake-${servers.length}`);
  const options: Scene['options'] = (more = {}) => ({
    folder,
    environment: {
      COINBASE_API_URL: server.url,
      SCHEMAHUB_COINBASE_RATE: '1000',
      SCHEMAHUB_COINBASE_BURST: '100',
      SCHEMAHUB_WORKERS: '1',
      SCHEMAHUB_CHUNK_CONCURRENCY: '2',
      SCHEMAHUB_OBJECT_TRADES: '5000',
      SCHEMAHUB_LAKE: lake,
      ...more,
    },
  });
  return {
    sim,
    lake,
    options,
    ends: async (code, args) => {
      const run = await cli.run(args, options());
      expect(run.code, `${args.join(' ')}: ${run.out}${run.err}`).toBe(code);
      return run;
    },
    rawTrades: async () => {
      const raw = (await filesBelow(lake)).filter((path) => path.startsWith('raw_'));
      return raw.reduce((sum, path) => sum + Number(/_(\d+)_[0-9a-f]+\.jsonl\.gz$/.exec(path)?.[1]), 0);
    },
    requests: (count) => new Promise((resolve) => waiting.push({ goal: sim.stats.requests + count, resolve })),
  };
}

describe.concurrent('signals', () => {
  it.each([
    ['SIGINT', exitCodes.interrupted],
    ['SIGTERM', exitCodes.terminated],
  ] as const)(
    '%s: what is fetched is written, the checkpoint says so, exit %d within 10 s; the next run asks only for the rest',
    async (signal, code) => {
      const { sim, options, ends, rawTrades, requests } = await createScene();
      const started = cli.start(['backfill', PRODUCT], options());
      await requests(16);
      const begun = performance.now();
      started.kill(signal);
      const run = await started.ended;
      expect(run.code, run.err).toBe(code);
      expect(performance.now() - begun).toBeLessThan(10_000);
      expect(run.err).toContain(`${signal}: stopping; what is fetched is being written`);
      const held = await rawTrades();
      expect(held).toBeGreaterThan(0);
      expect(held).toBeLessThan(TRADES);
      const before = await ends(exitCodes.complete, ['status', PRODUCT, '--json']);
      expect(before.json<{ products: Record<string, unknown>[] }>().products).toHaveLength(1);
      const asked = sim.stats.requests;
      await ends(exitCodes.complete, ['backfill', PRODUCT]);
      expect(await rawTrades()).toBe(TRADES);
      // Catalogue, head, floor and its proofs besides the windows that are missing; at most two were in flight.
      expect(sim.stats.requests - asked).toBeLessThanOrEqual(Math.ceil((TRADES - held) / 1000) + 8);
    },
  );

  it('a second signal stops at once, and loses nothing that was durable', async () => {
    const { options, ends, rawTrades, requests } = await createScene();
    const started = cli.start(['backfill', PRODUCT], options());
    await requests(16);
    started.kill('SIGINT');
    await started.seen(/SIGINT: stopping/);
    started.kill('SIGINT');
    expect((await started.ended).code).toBe(exitCodes.interrupted);
    await ends(exitCodes.complete, ['backfill', PRODUCT]);
    expect(await rawTrades()).toBe(TRADES);
  });

  it('a transform that is stopped commits all or nothing', async () => {
    const { sim, lake, options, ends } = await createScene();
    await ends(exitCodes.complete, ['backfill', PRODUCT]);
    const started = cli.start(['transform', '-v'], options());
    await started.seen(/\S/).catch(() => '');
    started.kill('SIGTERM');
    expect([exitCodes.terminated, exitCodes.complete]).toContain((await started.ended).code);
    await ends(exitCodes.complete, ['transform']);
    await ends(exitCodes.complete, ['verify']);
    const { snapshots, current } = (await ends(0, ['snapshots', '--files', '--json'])).json<{
      current: number;
      snapshots: { number: number; files: { path: string }[] }[];
    }>();
    const files = snapshots.find(({ number }) => number === current)?.files.map(({ path }) => path) ?? [];
    expect((await readTableRows(lake, files)).bySymbol[PRODUCT]).toEqual(expectedRows(sim, PRODUCT));
  });
});

describe.concurrent('leases', () => {
  it('a product that another process works on: exit 5 with its pid, nothing asked for; beside others: skipped', async () => {
    const { options, ends, rawTrades, requests } = await createScene();
    const holder = cli.start(['backfill', PRODUCT], options());
    await requests(8);
    // It lives, but it gets no further: else it would be done before the others look at its product once more.
    holder.kill('SIGSTOP');
    const { err } = await ends(exitCodes.held, ['ingest', PRODUCT]);
    expect(err).toContain(String(holder.pid));
    const beside = await cli.run(['backfill', PRODUCT, 'WLD-USD'], options());
    expect(beside.err).toMatch(/WLD-USD +complete/);
    expect(beside.err).toMatch(/BTC-USD +held/);
    holder.kill('SIGKILL');
    await holder.ended;
    // Its holder is gone: free at once, not after the lease's two minutes.
    await ends(exitCodes.complete, ['backfill', PRODUCT]);
    expect(await rawTrades()).toBe(TRADES + 50);
  });

  it('a key of a product that a stopped process has locked: skipped as held, with the process and the lock; beside others: complete', async () => {
    const { lake, options, ends } = await createScene();
    await ends(exitCodes.complete, ['backfill', 'WLD-USD']);
    const key = createLayout().lock('product:coinbase:WLD-USD');
    const lock = createHash('sha256').update(key).digest('hex');
    await writeFile(join(lake, `.schemahub/${lock}.lock`), JSON.stringify({ ...currentProcess(), nonce: 'stopped' }));
    const alone = cli.run(['backfill', 'WLD-USD'], options());
    const beside = cli.run(['backfill', PRODUCT, 'WLD-USD'], options());
    expect((await alone).err).toContain(`locked by process ${process.pid}`);
    expect((await alone).code, (await alone).err).toBe(exitCodes.held);
    expect((await beside).err).toMatch(/WLD-USD +held/);
    expect((await beside).code, (await beside).err).toBe(exitCodes.complete);
  });

  it('a transform under way elsewhere: exit 5 with its pid, nothing changed; free again, it runs', async () => {
    const { lake, ends } = await createScene();
    await ends(exitCodes.complete, ['backfill', 'WLD-USD']);
    const config = await loadConfig({ flags: { lake }, environment: {}, folder });
    const acquired = await (await openLake({ config })).leases.acquire('job:transform');
    if (acquired.kind !== 'held') throw new Error('the lease of an idle lake was not free');
    const before = await lakeHashes(lake);
    const { err } = await ends(exitCodes.held, ['transform']);
    expect(err).toContain(`process ${process.pid} is doing this on`);
    expect(err).toContain('run it again later');
    expect(await lakeHashes(lake)).toEqual(before);
    await acquired.lease.release();
    await ends(exitCodes.complete, ['transform']);
  });
});

describe.concurrent('streams', () => {
  it('--json into a pipe: one object; progress and errors go to stderr', async () => {
    const { ends } = await createScene();
    await ends(exitCodes.complete, ['backfill', 'WLD-USD', '-q']);
    const run = await ends(exitCodes.complete, ['backfill', 'WLD-USD', '--json']);
    expect(run.json()).toMatchObject({ command: 'backfill', exit_code: 0 });
    expect(run.err).toMatch(/complete: ids .* asked, 50 wanted/);
  });

  it('colours only in a terminal, and not with NO_COLOR', async () => {
    const { options } = await createScene();
    const asTerminal = (more: Record<string, string>) => ({
      ...options(more),
      nodeOptions: ['--import', 'data:text/javascript,process.stderr.isTTY=true;process.stdout.isTTY=true'],
    });
    // `error:` in red.
    const colour = '\u001b[31m';
    const args = ['ingest', '--limit', '0'];
    expect((await cli.run(args, asTerminal({ TERM: 'xterm' }))).err).toContain(colour);
    expect((await cli.run(args, asTerminal({ TERM: 'xterm', NO_COLOR: '1' }))).err).not.toContain(colour);
    expect((await cli.run(args, asTerminal({ TERM: 'dumb' }))).err).not.toContain(colour);
    expect((await cli.run(args, options({ TERM: 'xterm' }))).err).not.toContain(colour);
  });
});

describe.concurrent('a folder that cannot be written', () => {
  it('says which, what to do, ends 1, and leaves nothing behind', async () => {
    const { lake, options, ends } = await createScene();
    await mkdir(lake);
    await chmod(lake, 0o555);
    const { code, err } = await cli.run(['backfill', 'WLD-USD'], { ...options(), asUser: true });
    expect(code, err).toBe(exitCodes.error);
    expect(err).toContain(lake);
    expect(err).toMatch(/EACCES|permission|writable/);
    expect(err).not.toMatch(/^\s+at .*:\d+:\d+/m);
    expect(await filesBelow(lake)).toEqual([]);
    await chmod(lake, 0o755);
    await ends(exitCodes.complete, ['backfill', 'WLD-USD']);
  });
});
