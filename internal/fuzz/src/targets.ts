import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { gzipSync } from 'node:zlib';
import { parseCertificate } from '@schemahub/audit/certificate';
import { parseCheckpoint } from '@schemahub/checkpoint';
import { parseCircuitState } from '@schemahub/circuit-breaker';
import { binancePolicy, createBinanceConnector, scratchIn } from '@schemahub/connector-binance';
import { coinbasePolicy, createCoinbaseConnector } from '@schemahub/connector-coinbase';
import { createKrakenConnector, krakenPolicy } from '@schemahub/connector-kraken';
import {
  type ExchangePolicy,
  type Transport,
  tradesUnified,
  tradesUnifiedWithDecimals,
  type WindowedConnector,
} from '@schemahub/core';
import { RangeSet } from '@schemahub/coverage';
import { parseMetadata, readAvro } from '@schemahub/iceberg';
import {
  createIdReader,
  createLayout,
  decodeRawObject,
  decodeSegment,
  hash128,
  parseEvidence,
  parseRawName,
  readCommit,
  readFileList,
} from '@schemahub/lake';
import { createInterpreter, createScanner, loadMapping } from '@schemahub/mapping-engine';
import { checkKey, type ObjectStore } from '@schemahub/object-store';
import { openParquet } from '@schemahub/parquet-sink/read';
import { parseSeed } from '@schemahub/runtime/seed';
import { zipSync } from 'fflate';

/** One parser of foreign bytes. */
export interface Target {
  readonly name: string;
  /** Parses one input: returns, or throws an error whose name is in `errors`. A promise if it must be waited for. */
  readonly run: (bytes: Uint8Array) => unknown;
  /** Names of the errors that are sentences for the user. */
  readonly errors: readonly string[];
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

/** A store that holds one object under every key. */
function storeOf(bytes: Uint8Array): ObjectStore {
  return {
    location: 'fuzz',
    get: async () => ({ bytes, version: '1' }),
    putIfAbsent: async () => 'exists',
    putIfMatch: async () => 'conflict',
    list: async function* () {},
    delete: async () => undefined,
  };
}

/** Answers one request with the bytes, the next ones with an empty page, as the venue's own code classifies them. */
function transportOf(policy: ExchangePolicy, bytes: Uint8Array): Transport {
  let answers = 0;
  return {
    send: async (call) => {
      const body = answers++ === 0 ? bytes : Buffer.from('[]');
      const reply = { status: 200, headers: { 'content-type': 'application/json' }, body, date: 0 };
      const outcome = policy.classify(reply, call);
      if (!outcome.ok) throw outcome.error;
      return reply;
    },
  };
}

const clock = { now: () => 0, sleep: async () => undefined };
const coinbase = coinbasePolicy({ userAgent: 'fuzz' });
const binance = binancePolicy({ userAgent: 'fuzz' });
const kraken = krakenPolicy({ userAgent: 'fuzz' });

async function page(connector: WindowedConnector, bytes: Uint8Array, exchange: string): Promise<void> {
  const product = { id: 'BTC-USD', symbol: 'BTC-USD', base: 'BTC', quote: 'USD', status: 'online' as const };
  switch (bytes.length % 4) {
    case 0: {
      const { records } = await connector.fetchWindow('BTC-USD', { first: 0, last: 999 });
      for (const record of records) connector.rawLine(product, record, { rawPayload: exchange === 'coinbase' });
      return;
    }
    case 1:
      await connector.fetchHead('BTC-USD');
      return;
    case 2:
      await connector.probe('BTC-USD', 999);
      return;
    default:
      await connector.listProducts();
  }
}

/** What a file of the archive may do: its pages give each id once, and none that the file was not said to hold. */
async function archiveFile(bytes: Uint8Array): Promise<void> {
  // Half of the inputs are the zip file itself, half are what lies in it.
  const isZip = bytes[0] === 0x50 && bytes[1] === 0x4b;
  const file = isZip ? bytes : zipSync({ 'BTCUSDT-trades-2025-08-22.csv': bytes });
  const sha256 = createHash('sha256').update(file).digest('hex');
  const transport: Transport = {
    send: async ({ url }, { sink } = {}) => {
      const isChecksum = url.endsWith('.CHECKSUM');
      if (!isChecksum) await sink?.(file);
      const body = Buffer.from(isChecksum ? `${sha256}  BTCUSDT-trades-2025-08-22.zip` : '');
      return { status: 200, headers: {}, body, date: 0 };
    },
  };
  const archive = { transport, openScratch: scratchIn(tmpdir()) };
  const connector = createBinanceConnector({ transport, clock, archive });
  const opened = await connector.archive?.open('BTCUSDT', { kind: 'day', name: '2025-08-22' });
  if (opened === undefined) throw new TypeError('a file that is there was taken for absent');
  try {
    const given: number[] = [];
    for await (const { ids, records } of opened.pages(opened.ids)) {
      given.push(...ids);
      for (const record of records) connector.parseTrade(record);
    }
    const set = RangeSet.fromIds(given);
    if (set.count !== given.length || !set.equals(opened.ids)) throw new TypeError(`${given.length} rows, ids ${set}`);
  } finally {
    await opened.close();
  }
}

const layout = createLayout();

/** A product name and what it becomes: no key leaves the lake, and the name comes back or is known to have been cut. */
function names(bytes: Uint8Array): void {
  for (const name of [
    text(bytes),
    Buffer.from(bytes).toString('latin1'),
    Buffer.from(bytes.subarray(0, bytes.length & ~1)).toString('utf16le'),
  ]) {
    const keys = [
      layout.raw('coinbase', name),
      layout.evidence('coinbase', name),
      layout.fileLists('coinbase', name),
      layout.quarantine('coinbase', name),
      layout.data({ version: 1, exchange: 'COINBASE', symbol: name, month: '2026-01' }),
    ].map((folder) => `${folder}x`);
    for (const key of [...keys, layout.checkpoint('coinbase', name), layout.lock(name)]) {
      checkKey(key);
      const depth = key.split('/').length;
      const expected = checkedDepths.find(([prefix]) => key.startsWith(prefix))?.[1];
      if (depth !== expected) throw new TypeError(`${JSON.stringify(name)} became the key ${key}`);
    }
    const segment = keys[0]!.split('/')[1]!;
    const back = decodeSegment(segment);
    if (back !== name && !segment.includes('~'))
      throw new TypeError(`${JSON.stringify(name)} came back as ${JSON.stringify(back)}`);
  }
}

const checkedDepths: readonly (readonly [string, number])[] = [
  ['raw_', 3],
  ['coverage_', 3],
  ['quarantine/', 4],
  ['unified_trades/files/', 5],
  ['unified_trades/v1/', 6],
  ['checkpoints/', 3],
  ['locks/', 2],
];

const RAW = 'raw_coinbase_trades/X/';

/** JSON lines under the name that they would have, so that more than the first check is met. */
async function rawObject(bytes: Uint8Array): Promise<void> {
  const lines = text(bytes)
    .split('\n')
    .filter((line) => line !== '');
  const ids = lines.map((line) => Number(/"trade_id":"?(\d+)/.exec(line)?.[1] ?? 0));
  const [first = 0, last = 0] = [ids[0], ids.at(-1)];
  const pad = (id: number): string => String(id).padStart(20, '0').slice(0, 20);
  const name = parseRawName(`${RAW}${pad(first)}-${pad(last)}_${Math.max(1, lines.length)}_${hash128('')}.jsonl.gz`);
  if (name !== undefined) await decodeRawObject(name, gzipSync(bytes, { level: 1 }), readId, { deep: true });
}

const readId = createIdReader('trade_id');

async function fileList(bytes: Uint8Array): Promise<void> {
  const unified = `unified_trades/files/coinbase/X/${hash128(bytes)}.json.gz`;
  await readFileList(storeOf(gzipSync(bytes, { level: 1 })), unified);
}

async function parquet(bytes: Uint8Array): Promise<void> {
  const file = await openParquet({ bytes });
  for await (const _batch of file.batches(tradesUnified)) void _batch;
  await file.pageFacts();
}

/** Every parser, with the mapping that the line parsers need. */
export async function createTargets(mappingText: string): Promise<readonly Target[]> {
  const schemas = [tradesUnified, tradesUnifiedWithDecimals];
  const mapping = await loadMapping(mappingText, { schemas });
  const interpret = createInterpreter(mapping, tradesUnifiedWithDecimals);
  const scanner = createScanner({ mapping, schema: tradesUnifiedWithDecimals });
  const scan = (bytes: Uint8Array): void => {
    interpret(bytes);
    scanner.begin('fuzz');
    scanner.feed(bytes);
    scanner.end();
    if (scanner.rows > 10_000) scanner.take();
  };
  const coinbasePage = (bytes: Uint8Array): Promise<void> =>
    page(createCoinbaseConnector({ transport: transportOf(coinbase, bytes), clock }), bytes, 'coinbase');
  const binancePage = (bytes: Uint8Array): Promise<void> =>
    page(createBinanceConnector({ transport: transportOf(binance, bytes), clock }), bytes, 'binance');
  const krakenPage = async (bytes: Uint8Array): Promise<void> => {
    const connector = createKrakenConnector({ transport: transportOf(kraken, bytes), clock });
    if (bytes.length % 2 === 0) await connector.listProducts();
    else for (const { id, record } of (await connector.fetchFrom('XBTUSD', 0n)).rows) connector.withId(record, id ?? 1);
  };
  const json = (parse: (value: unknown) => unknown) => (bytes: Uint8Array) => parse(JSON.parse(text(bytes)));
  return [
    { name: 'coinbase-page', run: coinbasePage, errors: ['ExchangeError', 'SyntaxError'] },
    { name: 'binance-page', run: binancePage, errors: ['ExchangeError', 'SyntaxError'] },
    { name: 'archive-file', run: archiveFile, errors: ['ExchangeError'] },
    { name: 'kraken-page', run: krakenPage, errors: ['ExchangeError', 'SyntaxError'] },
    { name: 'json-lines', run: scan, errors: [] },
    { name: 'raw-object', run: rawObject, errors: ['LakeError'] },
    { name: 'mapping', run: (bytes) => loadMapping(text(bytes), { schemas }), errors: ['MappingError'] },
    { name: 'seed-file', run: (bytes) => parseSeed(text(bytes), 'seed.yaml'), errors: ['UsageError'] },
    {
      name: 'checkpoint',
      run: json((value) => parseCheckpoint(value, 'checkpoint.json')),
      errors: ['CheckpointError', 'SyntaxError'],
    },
    { name: 'evidence', run: (bytes) => parseEvidence('evidence.json', bytes), errors: ['LakeError'] },
    { name: 'commit', run: (bytes) => readCommit(storeOf(bytes), layout, 2), errors: ['LakeError'] },
    { name: 'file-list', run: fileList, errors: ['LakeError'] },
    { name: 'certificate', run: json(parseCertificate), errors: ['CertificateError', 'SyntaxError'] },
    { name: 'circuit-state', run: json(parseCircuitState), errors: ['CircuitBreakerError', 'SyntaxError'] },
    { name: 'parquet', run: parquet, errors: ['ParquetReadError'] },
    { name: 'iceberg-metadata', run: parseMetadata, errors: ['IcebergError'] },
    { name: 'avro', run: (bytes) => readAvro(bytes), errors: ['IcebergError'] },
    { name: 'names', run: names, errors: [] },
  ];
}

/** A short name for a finding's file. */
export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}
