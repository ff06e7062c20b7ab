import { statfs } from 'node:fs/promises';
import { latestCommitNumber } from '@schemahub/lake';
import { openExchange } from '@schemahub/runtime/exchange';
import { lakeProducts, openLake } from '@schemahub/runtime/lake';
import { mappingFor } from '@schemahub/runtime/table';
import { type CommandRun, type Invocation, isSet } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { bytesText } from '../text-table.js';

interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly told: string;
}

async function check(name: string, look: () => Promise<string>): Promise<Check> {
  try {
    return { name, ok: true, told: await look() };
  } catch (error) {
    return { name, ok: false, told: error instanceof Error ? error.message : String(error) };
  }
}

async function nodeVersion(): Promise<string> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    throw new Error(`Node ${process.versions.node}; SchemaHub needs 20.19 or newer`);
  return `Node ${process.versions.node}`;
}

async function lakeWrites(invocation: Invocation): Promise<string> {
  const lake = await openLake({ config: invocation.config, clock: invocation.io.clock });
  const key = 'locks/doctor.json';
  const held = await lake.documents.read(key).catch(() => undefined);
  const written = await lake.documents.write(key, { checked: true }, held?.version);
  if (written === 'conflict')
    throw new Error(`${lake.store.location}: another process writes the same document; run doctor again`);
  await lake.store.delete([key]);
  const commit = await latestCommitNumber(lake.store, lake.layout);
  const products = await lakeProducts(lake);
  return `${lake.store.location} is writable${lake.store.location.startsWith('s3://') ? '' : ' and has hard links'}; ${products.length} products, ${commit === 0 ? 'no commit' : `commit ${commit}`}`;
}

async function diskSpace(invocation: Invocation): Promise<string> {
  const { location } = (await openLake({ config: invocation.config })).store;
  if (location.startsWith('s3://')) return 'the lake is on S3';
  const { bavail, bsize } = await statfs(location);
  const free = bavail * bsize;
  if (free < 1_000_000_000)
    throw new Error(`only ${bytesText(free)} free below the lake; a million trades take about 45 MB`);
  return `${bytesText(free)} free`;
}

async function duckdb(): Promise<string> {
  const { version } = await import('@duckdb/node-api');
  return `DuckDB ${version()}`;
}

async function exchangeAnswers(invocation: Invocation): Promise<string> {
  const { config, io, stop } = invocation;
  const lake = await openLake({ config, clock: io.clock, dryRun: true });
  const exchange = openExchange({
    config,
    clock: lake.clock,
    fetch: io.fetch,
    onEvent: () => undefined,
    onLine: () => undefined,
  });
  const begun = performance.now();
  const products = await exchange.connector.listProducts({ signal: stop, priority: 'head' });
  const online = products.filter(({ status }) => status === 'online').length;
  return `${exchange.connector.origin} answers in ${Math.round(performance.now() - begun)} ms: ${online} of ${products.length} products online`;
}

/** `doctor`: what stands between this machine and a working lake. */
export const run: CommandRun = async (invocation) => {
  const { config, io } = invocation;
  const checks = [
    await check('node', nodeVersion),
    await check('lake', () => lakeWrites(invocation)),
    await check('disk', () => diskSpace(invocation)),
    await check('duckdb', duckdb),
    await check(
      'mapping',
      async () =>
        `the mapping of raw_${config.text('exchange')}_trades is sound (target ${(await mappingFor(config, `raw_${config.text('exchange')}_trades`)).targetTable})`,
    ),
    ...(isSet(invocation, 'offline') ? [] : [await check('exchange', () => exchangeAnswers(invocation))]),
  ];
  if (invocation.json) io.out(`${JSON.stringify({ checks })}\n`);
  else
    for (const { name, ok, told } of checks)
      io.out(`${ok ? io.style('green', 'ok  ') : io.style('red', 'FAIL')} ${name.padEnd(9)} ${told}\n`);
  const isExchangeOnly = checks.every(({ ok, name }) => ok || name === 'exchange');
  if (checks.every(({ ok }) => ok)) return exitCodes.complete;
  return isExchangeOnly ? exitCodes.unavailable : exitCodes.error;
};
