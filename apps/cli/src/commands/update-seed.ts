import type { Product } from '@schemahub/core';
import { readCatalogue } from '@schemahub/ingest';
import { UsageError } from '@schemahub/runtime/config';
import { openExchange } from '@schemahub/runtime/exchange';
import { createIngestContext, ingestSettings } from '@schemahub/runtime/ingest';
import { type OpenLake, openLake } from '@schemahub/runtime/lake';
import { loadSeed, type Seed, seedFile, writeSeed, writeSeedToLake } from '@schemahub/runtime/seed';
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

/** Where the list goes: a file, or with --in-lake the lake itself. */
function placeOf(invocation: Invocation, lake: OpenLake, exchange: string) {
  const given = textFlag(invocation, 'path');
  if (!isSet(invocation, 'in-lake')) {
    const path = given ?? `mappings/${seedFile(exchange)}`;
    return { path, load: () => loadSeed(exchange, path), save: (seed: Seed) => writeSeed(path, seed) };
  }
  if (given !== undefined) throw new UsageError('--path and --in-lake: expected one of them, got both.');
  return {
    path: lake.store.location,
    load: () => loadSeed(exchange, undefined, { store: lake.store, folder: invocation.io.folder }),
    save: (seed: Seed) => writeSeedToLake(lake.store, exchange, seed),
  };
}

async function catalogueOf(invocation: Invocation, lake: OpenLake) {
  const { config, io } = invocation;
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
  return { catalogue: await readCatalogue(context), origin: exchange.connector.origin };
}

/** `update-seed`: the product list from the catalogue, written in one step. */
export const run: CommandRun = async (invocation) => {
  const { config, io } = invocation;
  const lake = await openLake({ config, clock: io.clock, dryRun: invocation.dryRun || !isSet(invocation, 'in-lake') });
  const exchangeName = config.text('exchange');
  const { path, load, save } = placeOf(invocation, lake, exchangeName);
  const accepts = filterOf(invocation);
  const { catalogue, origin } = await catalogueOf(invocation, lake);
  const found = [...catalogue.values()].filter(accepts).map(({ id }) => id);
  const old = isSet(invocation, 'merge') ? await load().catch(() => undefined) : undefined;
  const productIds = [...new Set([...(old?.productIds ?? []), ...found.sort()])];
  if (productIds.length === 0)
    throw new UsageError(`update-seed: no product of ${exchangeName} matches; ${path} was left as it is.`);
  if (!invocation.dryRun)
    await save({ productIds, source: origin, lastUpdated: new Date(lake.clock.now()).toISOString() });
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
