import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createBinanceSim,
  createCoinbaseSim,
  createKrakenSim,
  type FaultKind,
  faultKinds,
  type SimServer,
  type SimTrade,
  serve,
} from '@schemahub/exchange-sim';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltCli, buildCli, type StartedCli } from './testing/built-cli.js';

// Real processes on three venues at once, killed at whatever request they happen to be, and run again.

let cli: BuiltCli;
let folder: string;
const servers: SimServer[] = [];
beforeAll(async () => {
  cli = await buildCli();
  folder = await mkdtemp(join(tmpdir(), 'schemahub-venues-'));
}, 120_000);
afterAll(async () => {
  for (const server of servers) await server.close();
  await cli.remove();
  await rm(folder, { recursive: true, force: true });
});

const BASES = 'BTC ETH SOL XRP ADA AVAX DOT AAVE ACH WLD W PYTH LTC LINK UNI ATOM NEAR'.split(' ');
/** Every fault but waits of a minute. */
const kinds: readonly FaultKind[] = faultKinds.filter((kind) => kind !== 'slow');
const faults = { share: 0.03, kinds };
const KILLS = 12;

/** Seventeen products a venue, sixteen of Kraken: 50. Three days of trades, so that Binance's archive has some. */
function specsOf(quote: string, joint: string, bases: readonly string[] = BASES) {
  return bases.map((own, at) => {
    const base = quote === 'USD' && joint === '' && own === 'BTC' ? 'XBT' : own;
    const first = 150 + at;
    return {
      id: `${base}${joint}${quote}`,
      base,
      quote,
      trades: 400 + at * 130,
      voids: at % 3 === 0 ? [{ first, last: first + at }] : [],
      endTime: Date.now() - 20 * 60_000,
      ratePerSecond: (400 + at * 130) / (3 * 86_400),
    };
  });
}

function row(exchange: string, symbol: string, { id, side, price, size }: SimTrade): string {
  // Every stand-in keeps the maker's side.
  return [exchange, symbol, id, side === 'buy' ? 'SELL' : 'BUY', Number(price), Number(size)].join(',');
}

describe('three exchanges, 50 products, mixed faults, real processes', () => {
  it(`killed ${KILLS} times and resumed end exact, each product with the strength of its proof`, {
    timeout: 600_000,
  }, async () => {
    let requests = 0;
    let victim: { cli: StartedCli; at: number } | undefined;
    const script = (): undefined => {
      requests++;
      if (victim !== undefined && requests >= victim.at) victim.cli.kill('SIGKILL');
      return undefined;
    };
    const shared = { seed: 'killed', faults, script };
    const products = {
      coinbase: specsOf('USD', '-'),
      binance: specsOf('USDT', ''),
      kraken: specsOf('USD', '', BASES.slice(0, 16)),
    };
    const sims = {
      coinbase: createCoinbaseSim({ ...shared, rateLimit: false, products: products.coinbase }),
      binance: createBinanceSim({ ...shared, weightPerMinute: false, requestLog: 100_000, products: products.binance }),
      kraken: createKrakenSim({ ...shared, rateLimit: false, withoutLast: 17, products: products.kraken }),
    };
    const names = ['coinbase', 'binance', 'kraken'] as const;
    let yaml = 'circuit-breaker: false\nlock-ttl: 10\n';
    const environment: Record<string, string> = {};
    for (const exchange of names) {
      const server = await serve(sims[exchange]);
      servers.push(server);
      const seed = join(folder, `seed.${exchange}.yaml`);
      await writeFile(seed, `product_ids: [${products[exchange].map(({ id }) => id).join(', ')}]\n`);
      yaml += `${exchange}:\n  seed-path: ${seed}\n  rate: 500\n  burst: 100\n`;
      if (exchange === 'binance') yaml += `  archive: always\n  archive-url: ${server.url}\n`;
      environment[`${exchange.toUpperCase()}_API_URL`] = server.url;
    }
    await writeFile(join(folder, 'schemahub.yaml'), yaml);
    const options = { folder, environment };
    const fetchAll = (exchange: string): string[] => ['backfill', '--exchange', exchange, '--lake', 'lake'];

    let kills = 0;
    for (let n = 0; kills < KILLS && n < 60; n++) {
      const exchange = names[n % names.length]!;
      const started = cli.start(fetchAll(exchange), options);
      // Early and late requests alike; what a killed run has fetched makes the next one shorter.
      victim = { cli: started, at: requests + 20 + ((n * 37) % 90) };
      if ((await started.ended).code === -1) kills++;
      victim = undefined;
    }
    expect(kills).toBe(KILLS);
    for (const exchange of names) {
      let ended = { code: -1, err: '' };
      for (let round = 0; round < 6 && ended.code !== 0; round++)
        ended = await cli.run(
          round < 2 ? fetchAll(exchange) : ['repair', '--exchange', exchange, '--lake', 'lake'],
          options,
        );
      expect(ended.code, `${exchange}: ${ended.err}`).toBe(0);
    }
    const files = sims.binance.requests().filter(({ url, status }) => url.endsWith('.zip') && status === 200);
    // Each product has at least a day that is over.
    expect(files.length).toBeGreaterThan(products.binance.length);
    const unify = ['run', 'unify', ...names, '--lake', 'lake'];
    const killedUnify = cli.start(unify, options);
    await killedUnify.seen(/./);
    killedUnify.kill('SIGKILL');
    await killedUnify.ended;
    const unified = await cli.run(unify, options);
    expect(unified.code, unified.err).toBe(0);
    const verified = await cli.run(['verify', '--deep', '--json', '--lake', 'lake'], options);
    expect(verified.code, verified.err).toBe(0);
    const certificate = verified.json<{
      totals: Record<string, number>;
      products: readonly { exchange: string; proof: string }[];
    }>();
    expect(certificate.totals).toMatchObject({ products: 50, missing: 0 });
    for (const { exchange, proof } of certificate.products)
      expect(proof).toBe(exchange.toLowerCase() === 'kraken' ? 'cursor-chained' : 'id-contiguous');

    const sql = 'SELECT exchange, symbol, trade_id, side, price, quantity FROM trades_unified';
    const { out } = await cli.run(['query', sql, '-o', 'jsonl', '--lake', 'lake'], options);
    const held = out
      .trimEnd()
      .split('\n')
      .map((line) => Object.values(JSON.parse(line) as Record<string, unknown>).join(','));
    const truth = names.flatMap((exchange) =>
      products[exchange].flatMap(({ id, base, quote }) =>
        [...sims[exchange].control.tradesOf(id)].map((trade) =>
          row(exchange.toUpperCase(), `${base === 'XBT' ? 'BTC' : base}-${quote}`, trade),
        ),
      ),
    );
    expect(held.sort()).toEqual(truth.sort());
  });
});
