import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import {
  type CoinbaseBehaviour,
  type CoinbaseProductSpec,
  createBinanceSim,
  createCoinbaseReplay,
  createCoinbaseSim,
  createKrakenSim,
  demoProducts,
  faultKinds,
  serve,
  type VenueSim,
} from '@schemahub/exchange-sim';
import { UsageError } from '@schemahub/runtime/config';
import { type CommandRun, type Invocation, isSet, textFlag } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { say } from '../text-table.js';

function numberFlag(invocation: Invocation, name: string, fallback: number, least: number, most: number): number {
  const text = textFlag(invocation, name);
  if (text === undefined) return fallback;
  const value = Number(text);
  if (text.trim() === '' || !(value >= least && value <= most))
    throw new UsageError(`--${name}: expected a number ${least} to ${most}, got ${JSON.stringify(text)}.`);
  return value;
}

/** `BTC-USD:50000,ETH-USD:25000`. */
export function parseProducts(text: string, endTime: number, followClock: boolean): CoinbaseProductSpec[] {
  return text.split(',').map((part) => {
    const match = /^([A-Za-z0-9-]{1,40}):(\d{1,12})$/.exec(part.trim());
    if (match === null)
      throw new UsageError(`--products: expected PRODUCT:TRADES such as BTC-USD:50000, got ${JSON.stringify(part)}.`);
    return { id: match[1]!, trades: Number(match[2]), endTime, followClock };
  });
}

/** What `simulate` needs of a stand-in, whatever the venue. */
interface Simulated {
  readonly sim: VenueSim;
  readonly products: readonly string[];
}

/** The product as the venue names it: BTC-USD is BTCUSDT on Binance and XBTUSD on Kraken. */
function namedBy(exchange: string, spec: CoinbaseProductSpec): CoinbaseProductSpec {
  if (exchange === 'coinbase') return spec;
  const dash = spec.id.lastIndexOf('-');
  if (dash < 1)
    throw new UsageError(
      `--products: expected BASE-QUOTE:TRADES such as BTC-USDT:50000, got ${JSON.stringify(spec.id)}.`,
    );
  const [base, quote] = [spec.id.slice(0, dash), spec.id.slice(dash + 1)];
  const names: Readonly<Record<string, readonly [string, string]>> = {
    binance: [base, quote === 'USD' ? 'USDT' : quote],
    kraken: [base === 'BTC' ? 'XBT' : base, quote],
  };
  const [venueBase, venueQuote] = names[exchange]!;
  return { ...spec, id: venueBase + venueQuote, base: venueBase, quote: venueQuote };
}

function specsOf(invocation: Invocation, exchange: string, seed: string): readonly CoinbaseProductSpec[] {
  const isLive = isSet(invocation, 'live');
  // A little in the past, so that holes below the newest trades are old enough to be settled.
  const endTime = Date.now() - (isLive ? 0 : 15 * 60_000);
  const list = textFlag(invocation, 'products');
  const specs =
    list === undefined ? demoProducts(seed, { endTime, followClock: isLive }) : parseProducts(list, endTime, isLive);
  return specs.map((spec) => namedBy(exchange, spec));
}

async function createReplay(invocation: Invocation, file: string, behaviour: CoinbaseBehaviour): Promise<Simulated> {
  const product = textFlag(invocation, 'product');
  if (product === undefined)
    throw new UsageError('--recording: expected --product ID beside it, to know which product the trades are of.');
  const body = await readFile(file).catch((error: Error) => {
    throw new UsageError(`--recording ${file}: cannot be read (${error.message}).`, { cause: error });
  });
  const sim = createCoinbaseReplay({ ...behaviour, files: [{ product, body }] });
  return { sim, products: sim.control.products() };
}

async function createSim(invocation: Invocation, exchange: string): Promise<Simulated> {
  const recording = textFlag(invocation, 'recording');
  const share = numberFlag(invocation, 'faults', 0, 0, 1);
  const faults = share > 0 ? { faults: { share, kinds: faultKinds.filter((kind) => kind !== 'slow') } } : {};
  const limit = isSet(invocation, 'no-rate-limit') ? { rateLimit: false as const } : {};
  if (recording !== undefined) {
    if (exchange !== 'coinbase')
      throw new UsageError(`--recording: it is served as Coinbase only, got ${JSON.stringify(exchange)}.`);
    return createReplay(invocation, recording, { ...faults, ...limit });
  }
  const seed = textFlag(invocation, 'seed') ?? '7';
  const products = specsOf(invocation, exchange, seed);
  const options = { ...faults, seed, products };
  const sims: Readonly<Record<string, () => VenueSim>> = {
    coinbase: () => createCoinbaseSim({ ...options, ...limit }),
    binance: () => createBinanceSim({ ...options, ...(limit.rateLimit === false ? { weightPerMinute: false } : {}) }),
    kraken: () => createKrakenSim({ ...options, ...limit }),
  };
  return { sim: sims[exchange]!(), products: products.map(({ id }) => id) };
}

const NAMES: Readonly<Record<string, string>> = { coinbase: 'Coinbase', binance: 'Binance', kraken: 'Kraken' };

/** What to set, so that a command asks the stand-in. */
function hintOf(exchange: string, url: string): string {
  const variable = `${exchange.toUpperCase()}_API_URL=${url}`;
  return exchange === 'binance' ? `${variable} BINANCE_ARCHIVE_URL=${url}` : variable;
}

/** `simulate`: serves until a signal. */
export const run: CommandRun = async (invocation) => {
  const { io } = invocation;
  const [exchange = 'coinbase'] = invocation.args;
  const name = NAMES[exchange];
  if (name === undefined)
    throw new UsageError(`simulate: expected ${Object.keys(NAMES).join(' or ')}, got ${JSON.stringify(exchange)}.`);
  const { sim, products } = await createSim(invocation, exchange);
  const server = await serve(sim, { port: numberFlag(invocation, 'port', 8787, 0, 65_535), host: '127.0.0.1' });
  if (invocation.json) io.out(`${JSON.stringify({ url: server.url, products })}\n`);
  else {
    const flag = exchange === 'coinbase' ? '' : ` --exchange ${exchange}`;
    say(io, `A simulated ${name} answers at ${server.url} (${products.join(', ')}). Ctrl-C ends it.\n`);
    say(
      io,
      `Try: ${hintOf(exchange, server.url)} schemahub backfill ${products[0] ?? 'BTC-USD'}${flag} --lake ./sim-lake\n`,
    );
  }
  if (!invocation.stop.aborted) await once(invocation.stop, 'abort');
  await server.close();
  if (!invocation.quiet) io.err(`${sim.stats.requests} requests served, ${sim.stats.rows} rows\n`);
  return exitCodes.complete;
};
