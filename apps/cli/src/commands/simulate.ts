import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import {
  type CoinbaseProductSpec,
  type CoinbaseSim,
  createCoinbaseReplay,
  createCoinbaseSim,
  demoProducts,
  faultKinds,
  serve,
} from '@schemahub/exchange-sim';
import { UsageError } from '@schemahub/runtime/config';
import { type CommandRun, type Invocation, isSet, textFlag } from '../command.js';
import { exitCodes } from '../exit-codes.js';

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

async function createSim(invocation: Invocation): Promise<CoinbaseSim> {
  const recording = textFlag(invocation, 'recording');
  const share = numberFlag(invocation, 'faults', 0, 0, 1);
  const behaviour = {
    ...(isSet(invocation, 'no-rate-limit') ? { rateLimit: false as const } : {}),
    ...(share > 0 ? { faults: { share, kinds: faultKinds.filter((kind) => kind !== 'slow') } } : {}),
  };
  if (recording !== undefined) {
    const product = textFlag(invocation, 'product');
    if (product === undefined)
      throw new UsageError('--recording: expected --product ID beside it, to know which product the trades are of.');
    const body = await readFile(recording).catch((error: Error) => {
      throw new UsageError(`--recording ${recording}: cannot be read (${error.message}).`, { cause: error });
    });
    return createCoinbaseReplay({ ...behaviour, files: [{ product, body }] });
  }
  const isLive = isSet(invocation, 'live');
  // A little in the past, so that holes below the newest trades are old enough to be settled.
  const endTime = Date.now() - (isLive ? 0 : 15 * 60_000);
  const list = textFlag(invocation, 'products');
  const seed = textFlag(invocation, 'seed') ?? '7';
  const products =
    list === undefined ? demoProducts(seed, { endTime, followClock: isLive }) : parseProducts(list, endTime, isLive);
  return createCoinbaseSim({ ...behaviour, seed, products });
}

/** `simulate`: serves until a signal. */
export const run: CommandRun = async (invocation) => {
  const { io } = invocation;
  const [exchange = 'coinbase'] = invocation.args;
  if (exchange !== 'coinbase') throw new UsageError(`simulate: expected coinbase, got ${JSON.stringify(exchange)}.`);
  const sim = await createSim(invocation);
  const server = await serve(sim, { port: numberFlag(invocation, 'port', 8787, 0, 65_535), host: '127.0.0.1' });
  const products = sim.control.products();
  if (invocation.json) io.out(`${JSON.stringify({ url: server.url, products })}\n`);
  else {
    io.out(`A simulated Coinbase answers at ${server.url} (${products.join(', ')}). Ctrl-C ends it.\n`);
    io.out(`Try: COINBASE_API_URL=${server.url} schemahub backfill ${products[0] ?? 'BTC-USD'} --lake ./sim-lake\n`);
  }
  if (!invocation.stop.aborted) await once(invocation.stop, 'abort');
  await server.close();
  if (!invocation.quiet) io.err(`${sim.stats.requests} requests served, ${sim.stats.rows} rows\n`);
  return exitCodes.complete;
};
