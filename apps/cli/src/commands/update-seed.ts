import type { Product } from '@schemahub/core';
import { readCatalogue } from '@schemahub/ingest';
import { UsageError } from '@schemahub/runtime/config';
import { openExchange } from '@schemahub/runtime/exchange';
import { createIngestContext, ingestSettings } from '@schemahub/runtime/ingest';
import { openLake } from '@schemahub/runtime/lake';
import { loadSeed, seedFile, writeSeed } from '@schemahub/runtime/seed';
import { type CommandRun, type Invocation, isSet, textFlag } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { createFetchLog } from '../fetch-log.js';

function filterOf(invocation: Invocation): (product: Product) => boolean {
  const text = textFlag(invocation, 'filter-regex');
  let regex: RegExp | undefined;
  try {
    regex = text === undefined ? undefined : new RegExp(text);
  } catch (error) {
    throw new UsageError(`--filter-regex: ${(error as Error).message}.`, { cause: error });
  }
  const all = isSet(invocation, 'all');
  return (product) => (all || product.status === 'online') && (regex === undefined || regex.test(product.id));
}

/** `update-seed`: the product list from the catalogue, written beside its place and renamed there. */
export const run: CommandRun = async (invocation) => {
  const { config, io } = invocation;
  const lake = await openLake({ config, clock: io.clock, dryRun: true });
  const exchangeName = config.text('exchange');
  const path = textFlag(invocation, 'path') ?? `mappings/${seedFile(exchangeName)}`;
  const accepts = filterOf(invocation);
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
  const catalogue = await readCatalogue(context);
  const found = [...catalogue.values()].filter(accepts).map(({ id }) => id);
  const old = isSet(invocation, 'merge') ? await loadSeed(exchangeName, path).catch(() => undefined) : undefined;
  const productIds = [...new Set([...(old?.productIds ?? []), ...found.sort()])];
  if (productIds.length === 0)
    throw new UsageError(`update-seed: no product of ${exchangeName} matches; ${path} was left as it is.`);
  if (!invocation.dryRun)
    await writeSeed(path, {
      productIds,
      source: exchange.connector.origin,
      lastUpdated: new Date(lake.clock.now()).toISOString(),
    });
  if (invocation.json)
    io.out(
      `${JSON.stringify({ path, dry_run: invocation.dryRun, count: productIds.length, product_ids: productIds })}\n`,
    );
  else if (invocation.dryRun) io.out(`${productIds.join('\n')}\n`);
  if (!invocation.quiet)
    io.err(
      `${productIds.length} products ${invocation.dryRun ? 'would be' : 'were'} written to ${path}. Next: schemahub ingest\n`,
    );
  return exitCodes.complete;
};
