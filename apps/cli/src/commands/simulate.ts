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
function parseProducts(text: string, endTime: number, followClock: boolean): CoinbaseProductSpec[] {
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

interface SimOptions extends Pick<CoinbaseBehaviour, 'faults'> {
  readonly seed: string;
  readonly products: readonly CoinbaseProductSpec[];
}

/** A venue's stand-in. */
interface StandIn {
  readonly title: string;
  /** What the venue calls BASE-QUOTE. Absent where it calls it just that. */
  readonly nameOf?: ((base: string, quote: string) => { id: string; base: string; quote: string }) | undefined;
  readonly create: (options: SimOptions, isLimited: boolean) => VenueSim;
}

const standIns: Readonly<Record<string, StandIn>> = {
  coinbase: {
    title: 'Coinbase',
    create: (options, isLimited) => createCoinbaseSim({ ...options, ...(isLimited ? {} : { rateLimit: false }) }),
  },
  binance: {
    title: 'Binance',
    nameOf: (base, dollars) => {
      const quote = dollars === 'USD' ? 'USDT' : dollars;
      return { id: base + quote, base, quote };
    },
    create: (options, isLimited) => createBinanceSim({ ...options, ...(isLimited ? {} : { weightPerMinute: false }) }),
  },
  kraken: {
    title: 'Kraken',
    nameOf: (bitcoin, quote) => {
      const base = bitcoin === 'BTC' ? 'XBT' : bitcoin;
      return { id: base + quote, base, quote };
    },
    create: (options, isLimited) => createKrakenSim({ ...options, ...(isLimited ? {} : { rateLimit: false }) }),
  },
};

/** The product as the venue names it: BTC-USD is BTCUSDT on Binance and XBTUSD on Kraken. */
function namedBy({ nameOf }: StandIn, spec: CoinbaseProductSpec): CoinbaseProductSpec {
  if (nameOf === undefined) return spec;
  const dash = spec.id.lastIndexOf('-');
  if (dash < 1)
    throw new UsageError(
      `--products: expected BASE-QUOTE:TRADES such as BTC-USDT:50000, got ${JSON.stringify(spec.id)}.`,
    );
  return { ...spec, ...nameOf(spec.id.slice(0, dash), spec.id.slice(dash + 1)) };
}

function specsOf(invocation: Invocation, standIn: StandIn, seed: string): readonly CoinbaseProductSpec[] {
  const isLive = isSet(invocation, 'live');
  // A little in the past, so that holes below the newest trades are old enough to be settled.
  const endTime = Date.now() - (isLive ? 0 : 15 * 60_000);
  const list = textFlag(invocation, 'products');
  const specs =
    list === undefined ? demoProducts(seed, { endTime, followClock: isLive }) : parseProducts(list, endTime, isLive);
  return specs.map((spec) => namedBy(standIn, spec));
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

async function createSim(invocation: Invocation, exchange: string, standIn: StandIn): Promise<Simulated> {
  const recording = textFlag(invocation, 'recording');
  const share = numberFlag(invocation, 'faults', 0, 0, 1);
  const faults = share > 0 ? { faults: { share, kinds: faultKinds.filter((kind) => kind !== 'slow') } } : {};
  const isLimited = !isSet(invocation, 'no-rate-limit');
  if (recording !== undefined) {
    if (exchange !== 'coinbase')
      throw new UsageError(`--recording: it is served as Coinbase only, got ${JSON.stringify(exchange)}.`);
    return createReplay(invocation, recording, { ...faults, ...(isLimited ? {} : { rateLimit: false }) });
  }
  const seed = textFlag(invocation, 'seed') ?? '7';
  const products = specsOf(invocation, standIn, seed);
  return { sim: standIn.create({ ...faults, seed, products }, isLimited), products: products.map(({ id }) => id) };
}

/** What to set, so that a command asks the stand-in. */
function hintOf(exchange: string, url: string): string {
  const variable = `${exchange.toUpperCase()}_API_URL=${url}`;
  return exchange === 'binance' ? `${variable} BINANCE_ARCHIVE_URL=${url}` : variable;
}

/** `simulate`: serves until a signal. */
export const run: CommandRun = async (invocation) => {
  const { io } = invocation;
  const [exchange = 'coinbase'] = invocation.args;
  const standIn = Object.hasOwn(standIns, exchange) ? standIns[exchange] : undefined;
  if (standIn === undefined)
    throw new UsageError(`simulate: expected ${Object.keys(standIns).join(' or ')}, got ${JSON.stringify(exchange)}.`);
  const { sim, products } = await createSim(invocation, exchange, standIn);
  const server = await serve(sim, { port: numberFlag(invocation, 'port', 8787, 0, 65_535), host: '127.0.0.1' });
  if (invocation.json) io.out(`${JSON.stringify({ url: server.url, products })}\n`);
  else {
    const flag = exchange === 'coinbase' ? '' : ` --exchange ${exchange}`;
    say(io, `A simulated ${standIn.title} answers at ${server.url} (${products.join(', ')}). Ctrl-C ends it.\n`);
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
