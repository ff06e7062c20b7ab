import { seekTime } from '@schemahub/connector-kit';
import { ExchangeError } from '@schemahub/core';
import { fetchHead } from '@schemahub/ingest';
import { UsageError } from '@schemahub/runtime/config';
import { openExchange } from '@schemahub/runtime/exchange';
import { createIngestContext, ingestSettings, parseBound } from '@schemahub/runtime/ingest';
import { openLake } from '@schemahub/runtime/lake';
import type { CommandRun } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { createFetchLog } from '../fetch-log.js';

interface Found {
  readonly id: number;
  readonly requests: number;
}

/** `seek PRODUCT TIME`: the first trade at or after an instant, by interpolation and bisection; answers are kept. */
export const run: CommandRun = async (invocation) => {
  const { config, io, args } = invocation;
  const [product, time] = args;
  if (product === undefined || time === undefined)
    throw new UsageError('seek: expected a product and a time, as: schemahub seek BTC-USD 2026-01-01');
  const bound = parseBound('TIME', time);
  if (!('micros' in bound)) throw new UsageError('seek: expected a time, got a trade id.');
  const lake = await openLake({ config, clock: io.clock });
  const log = createFetchLog(invocation);
  const exchange = openExchange({ config, clock: lake.clock, fetch: io.fetch, onEvent: log.onEvent, onLine: log.line });
  const settings = ingestSettings('ingest', config, {
    fullRefresh: false,
    skipCheckpoint: false,
    acceptOrigin: false,
    rawPayload: false,
    dryRun: true,
  });
  const context = createIngestContext({ lake, exchange, settings, onEvent: log.onEvent, stop: invocation.stop });
  const cacheKey = lake.layout.seek(exchange.connector.exchange, product, exchange.connector.origin, bound.micros);
  const cached = (await lake.documents.read(cacheKey).catch(() => undefined))?.value as Found | undefined;
  let found = cached;
  if (found === undefined) {
    const head = await fetchHead(context, product).catch((error: unknown) => {
      if (error instanceof ExchangeError && error.kind === 'product') return 'unknown' as const;
      throw error;
    });
    if (head === 'unknown') {
      io.err(
        `${product} is not a product of ${exchange.connector.exchange}; see its list with: schemahub update-seed --all --dry-run\n`,
      );
      return exitCodes.incomplete;
    }
    if (head === undefined) throw new UsageError(`${product}: ${exchange.connector.exchange} shows no trade of it.`);
    found = await seekTime({
      connector: exchange.connector,
      product,
      micros: bound.micros,
      floor: 0,
      head: head.trade,
      signal: invocation.stop,
    });
    // An id above the newest trade is no answer for ever: a trade at that instant may still come.
    if (found.id <= head.trade.id)
      await lake.documents.write(cacheKey, { id: found.id, requests: found.requests }, undefined);
  }
  const shown = {
    product_id: product,
    time,
    id: found.id,
    requests: cached === undefined ? found.requests : 0,
    cached: cached !== undefined,
  };
  if (invocation.json) io.out(`${JSON.stringify(shown)}\n`);
  else io.out(`${found.id}\n`);
  if (!invocation.quiet)
    io.err(
      `the first trade of ${product} at or after ${time} (${shown.cached ? 'from the lake' : `${shown.requests + 1} requests`}). Use it: schemahub backfill ${product} --from trade:${found.id}\n`,
    );
  return exitCodes.complete;
};
