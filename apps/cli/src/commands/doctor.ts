import { statfs } from 'node:fs/promises';
import { latestCommitNumber } from '@schemahub/lake';
import { openExchange } from '@schemahub/runtime/exchange';
import { lakeProducts, openLake } from '@schemahub/runtime/lake';
import { mappingFor } from '@schemahub/runtime/table';
import { type CommandRun, type Invocation, isSet } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { bytesText, durationText, hanging } from '../text-table.js';

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

/** The exchange's time as its answer said it, and ours when the answer came. */
interface SeenClocks {
  readonly theirs: number;
  readonly ours: number;
}

async function exchangeAnswers(invocation: Invocation, onClocks: (clocks: SeenClocks) => void): Promise<string> {
  const { config, io, stop } = invocation;
  const lake = await openLake({ config, clock: io.clock, dryRun: true });
  const ask = io.fetch ?? globalThis.fetch;
  const exchange = openExchange({
    config,
    clock: lake.clock,
    fetch: async (url, init) => {
      const response = await ask(url, init);
      onClocks({ theirs: Date.parse(response.headers.get('date') ?? ''), ours: lake.clock.now() });
      return response;
    },
    onEvent: () => undefined,
    onLine: () => undefined,
  });
  const begun = performance.now();
  const products = await exchange.connector.listProducts({ signal: stop, priority: 'head' });
  const online = products.filter(({ status }) => status === 'online').length;
  return `${exchange.connector.origin} answers in ${Math.round(performance.now() - begun)} ms: ${online} of ${products.length} products online`;
}

/** Signed requests are refused beyond this (EXCHANGES §1.9); a `Date` header counts whole seconds. */
const CLOCKS_MAY_DIFFER_MS = 30_000;

async function clocksAgree(clocks: SeenClocks | undefined): Promise<string> {
  if (clocks === undefined) return 'not compared: the exchange did not answer';
  const { theirs, ours } = clocks;
  if (Number.isNaN(theirs)) return 'not compared: the exchange sends no Date';
  const seconds = Math.round(Math.abs(ours - theirs) / 1000);
  if (Math.abs(ours - theirs) <= CLOCKS_MAY_DIFFER_MS) return `within ${seconds} s of the exchange's`;
  throw new Error(
    `this computer's clock is ${durationText(seconds)} ${ours > theirs ? 'ahead of' : 'behind'} the exchange's (${new Date(theirs).toISOString()}). Signed requests are refused, and ingest_ts would be wrong. Set it by network time: timedatectl set-ntp true (Linux), sntp -sS time.apple.com (macOS), w32tm /resync (Windows).`,
  );
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
  ];
  if (!isSet(invocation, 'offline')) {
    let clocks: SeenClocks | undefined;
    const exchange = await check('exchange', () => exchangeAnswers(invocation, (seen) => (clocks = seen)));
    checks.push(exchange, await check('clock', () => clocksAgree(clocks)));
  }
  if (invocation.json) io.out(`${JSON.stringify({ checks })}\n`);
  else
    for (const { name, ok, told } of checks)
      io.out(
        `${ok ? io.style('green', 'ok  ') : io.style('red', 'FAIL')} ${name.padEnd(9)} ${hanging(told, 15, io)}\n`,
      );
  const isExchangeOnly = checks.every(({ ok, name }) => ok || name === 'exchange');
  if (checks.every(({ ok }) => ok)) return exitCodes.complete;
  return isExchangeOnly ? exitCodes.unavailable : exitCodes.error;
};
