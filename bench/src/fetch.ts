// Five clients of one kind of exchange, each with a server and a process of its own, all at the same time:
// `pnpm bench fetch [seconds]`. Real timers and sockets; the server is Coinbase's bucket (10 a second, burst 15) with a
// lognormal latency (mean 1.8 s, sigma 0.5) and an uplink that delays requests unevenly (lognormal, mean 40 ms).
import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCoinbaseSim, serve } from '@schemahub/exchange-sim';
import { runIngest } from '@schemahub/ingest';
import { createRateLimiter } from '@schemahub/rate-limit';
import { loadConfig } from '@schemahub/runtime/config';
import { openExchange } from '@schemahub/runtime/exchange';
import { createIngestContext, ingestSettings } from '@schemahub/runtime/ingest';
import { openLake } from '@schemahub/runtime/lake';
import Bottleneck from 'bottleneck';

const RATE = 10;
const BURST = 15;
const AT_ONCE = 45;
const PRODUCTS = ['BTC-USD', 'ETH-USD'];
const TRADES = 1_000_000;
/** Clients go on for so long after what is counted, so that requests of the last seconds are answered. */
const AFTER_SECONDS = 8;

interface ClientResult {
  readonly trades: number;
  readonly cpuSeconds: number;
}

/** Gets page after page for so long; `pace` decides when. What is refused is asked again at once. */
async function pages(
  url: string,
  seconds: number,
  { lanes, pace }: { lanes: number; pace: <T>(work: () => Promise<T>) => Promise<T> },
): Promise<number> {
  const stop = AbortSignal.timeout(seconds * 1000);
  let after = TRADES + 1;
  let trades = 0;
  const lane = async (): Promise<void> => {
    while (!stop.aborted) {
      const page = `${url}/products/${PRODUCTS[0]}/trades?limit=1000&after=${after}`;
      after -= 1000;
      let status = 429;
      while (status === 429 && !stop.aborted) {
        const work = async (): Promise<number> => {
          if (stop.aborted) return 0;
          const reply = await fetch(page, { headers: { 'user-agent': 'bench' }, signal: stop });
          const rows: unknown = await reply.json();
          if (reply.status === 200) trades += (rows as unknown[]).length;
          return reply.status;
        };
        status = await pace(work).catch(() => 0);
      }
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return trades;
}

/** The whole path: limiter, breaker, retries, byte budget, compressed raw objects and checkpoints on a folder. */
async function backfill(url: string, seconds: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'schemahub-bench-'));
  try {
    const flags = { lake: join(folder, 'lake'), 'api-url': url };
    const config = await loadConfig({ flags, environment: {}, folder });
    const lake = await openLake({ config });
    const onEvent = (): void => {};
    const exchange = openExchange({ config, lake, clock: lake.clock, onEvent, onLine: onEvent });
    const none = { fullRefresh: false, skipCheckpoint: false, acceptOrigin: false, rawPayload: false, dryRun: false };
    const settings = ingestSettings('backfill', config, none);
    const stop = AbortSignal.timeout(seconds * 1000);
    const result = await runIngest(createIngestContext({ lake, exchange, settings, onEvent, stop }), PRODUCTS);
    return result.products.reduce((sum, { progress }) => sum + (progress?.newTrades ?? 0), 0);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const unpaced = <T>(work: () => Promise<T>): Promise<T> => work();

const clients: Readonly<Record<string, (url: string, seconds: number) => Promise<number>>> = {
  'schemahub backfill, whole path to disk': backfill,
  '@schemahub/rate-limit alone': (url, seconds) => {
    const limiter = createRateLimiter({ budgets: { requests: { rate: RATE, burst: 5 } } });
    return pages(url, seconds, { lanes: AT_ONCE, pace: (work) => limiter.schedule(work) });
  },
  'bottleneck, minTime 100': (url, seconds) => {
    const limiter = new Bottleneck({ minTime: 1000 / RATE });
    return pages(url, seconds, { lanes: AT_ONCE, pace: (work) => limiter.schedule(work) });
  },
  'no limiter, 45 in flight, retry': (url, seconds) => pages(url, seconds, { lanes: AT_ONCE, pace: unpaced }),
  'one after the other': (url, seconds) => pages(url, seconds, { lanes: 1, pace: unpaced }),
};

/** Runs one client and tells what it got and what it cost, without the start of Node. */
async function runClient(name: string, url: string, seconds: number): Promise<void> {
  const before = process.cpuUsage();
  const trades = await clients[name]!(url, seconds);
  const { user, system } = process.cpuUsage(before);
  const result: ClientResult = { trades, cpuSeconds: (user + system) / 1e6 };
  process.send?.(result, () => process.exit(0));
}

interface Row extends ClientResult {
  readonly name: string;
  readonly answered: number;
  readonly refused: number;
}

async function measure(name: string, seconds: number): Promise<Row> {
  const products = PRODUCTS.map((id) => ({ id, trades: TRADES, endTime: Date.now() - 3600_000 }));
  const sim = createCoinbaseSim({
    seed: name,
    rateLimit: { ratePerSecond: RATE, burst: BURST },
    latencyMs: { mean: 1760, sigma: 0.5 },
    uplinkMs: { mean: 40, sigma: 0.5 },
    requestLog: 1_000_000,
    products,
  });
  const server = await serve(sim);
  const child = fork(process.argv[1]!, ['--client', name, server.url, String(seconds + AFTER_SECONDS)]);
  const result = await new Promise<ClientResult>((resolve, reject) => {
    child.once('message', (message) => resolve(message as ClientResult));
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code} before it told its result`)));
  });
  await server.close();
  const log = sim.requests();
  // Before its first page a backfill asks for the catalogue and the heads, one after the other: that is told apart.
  const begun = Math.min(...log.filter(({ rows }) => rows > 100).map(({ atMs }) => atMs));
  const within = log.filter(({ atMs }) => atMs >= begun && atMs < begun + seconds * 1000);
  if (process.env.BENCH_TIMELINE)
    console.log(
      name,
      Array.from(
        { length: Math.ceil(seconds / 5) },
        (_, i) => within.filter(({ atMs }) => Math.floor((atMs - begun) / 5000) === i).length,
      ).join(' '),
    );
  const count = (status: number): number => within.filter((request) => request.status === status).length;
  return { name, ...result, answered: count(200), refused: count(429) };
}

const [first, ...rest] = process.argv.slice(2);
if (first === '--client') await runClient(rest[0]!, rest[1]!, Number(rest[2]));
else {
  const seconds = Number(first ?? 90);
  const rows = await Promise.all(Object.keys(clients).map((name) => measure(name, seconds)));
  console.log(
    `${seconds} s, server ${RATE} a second with burst ${BURST}, latency lognormal with mean 1.8 s, Node ${process.versions.node}\n`,
  );
  console.log('| client | answered | share of the ceiling | 429s | client CPU s | CPU s a million trades |');
  console.log('|---|---|---|---|---|---|');
  for (const { name, answered, refused, trades, cpuSeconds } of rows) {
    const share = (100 * answered) / (RATE * seconds);
    const cells = [
      answered,
      `${share.toFixed(1)} %`,
      refused,
      cpuSeconds.toFixed(2),
      ((cpuSeconds / trades) * 1e6).toFixed(1),
    ];
    console.log(`| ${name} | ${cells.join(' | ')} |`);
  }
}
