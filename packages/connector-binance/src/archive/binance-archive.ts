import { createHash } from 'node:crypto';
import { encodeProduct, invalidOption, parseOrigin } from '@schemahub/connector-kit';
import {
  type ArchiveFile,
  type ArchivePeriod,
  type CallOptions,
  type Clock,
  ExchangeError,
  type TradeArchive,
  type Transport,
} from '@schemahub/core';
import { binanceDefaults } from '../binance-defaults.js';
import { archivePages } from './archive-pages.js';
import { ARCHIVE_BUDGET } from './archive-policy.js';
import { surveyRows } from './archive-rows.js';
import type { OpenScratch, Scratch } from './scratch.js';
import { openZipMember } from './zip-member.js';

export interface BinanceArchiveOptions {
  /** Sends one attempt; built with `binanceArchivePolicy()`. Its time-out is the longest silence within a download. */
  readonly transport: Transport;
  /** Default `https://data.binance.vision`. */
  readonly baseUrl?: string | undefined;
  /** Where a download waits for its checksum: `scratchIn(folder)`. */
  readonly openScratch: OpenScratch;
}

interface Archive {
  readonly transport: Transport;
  readonly origin: string;
  readonly openScratch: OpenScratch;
  readonly clock: Clock;
  readonly timeOf: (record: Uint8Array) => string;
}

/** What is asked for, and how it is called inside. */
interface Place {
  readonly path: string;
  readonly file: string;
  readonly member: string;
  readonly product: string;
}

/** A file that is not what it should be: it may be a passing fault of the download, so it is asked for again. */
function damaged(message: string, url: string, cause?: unknown): ExchangeError {
  return new ExchangeError(`${message} (${url}). Nothing of it was taken.`, {
    kind: 'transient',
    transient: 'body',
    url,
    cause,
  });
}

const PERIODS = { day: 'daily', month: 'monthly' } as const;
const PERIOD_NAMES = { day: /^\d{4}-\d\d-\d\d$/, month: /^\d{4}-\d\d$/ } as const;

/** Aggregated trades lie beside these under another name; they have ids of their own and are never asked for. */
function placeOf(product: string, { kind, name }: ArchivePeriod): Place {
  if (!PERIOD_NAMES[kind].test(name)) throw invalidOption('period', `a ${kind} such as 2024-05-01 or 2024-05`, name);
  const symbol = encodeProduct(product, 'BTCUSDT');
  const stem = `${product}-trades-${name}`;
  return {
    path: `/data/spot/${PERIODS[kind]}/trades/${symbol}/${encodeURIComponent(stem)}.zip`,
    file: `${stem}.zip`,
    member: `${stem}.csv`,
    product,
  };
}

/** Undefined where the archive has no such file. */
async function orAbsent<T>(ask: Promise<T>): Promise<T | undefined> {
  try {
    return await ask;
  } catch (error) {
    if (error instanceof ExchangeError && error.kind === 'product') return undefined;
    throw error;
  }
}

/** The sha256 that the archive publishes beside a file, as `sha256sum` prints it. */
async function readChecksum(archive: Archive, place: Place, options: CallOptions = {}): Promise<string | undefined> {
  const url = `${archive.origin}${place.path}.CHECKSUM`;
  const cost = [{ budget: ARCHIVE_BUDGET, tokens: 1 }];
  const { priority, signal } = options;
  const reply = await orAbsent(archive.transport.send({ url, cost, subject: place.product, priority }, { signal }));
  if (reply === undefined) return undefined;
  const text = Buffer.from(reply.body.subarray(0, 1000)).toString('utf8').trim();
  const [, sha256, file] = /^([0-9a-f]{64}) [ *](\S+)$/i.exec(text) ?? [];
  if (sha256 === undefined || file !== place.file)
    throw damaged(`checksum: expected a sha256 and ${place.file}, got ${JSON.stringify(text.slice(0, 120))}`, url);
  return sha256.toLowerCase();
}

/** Downloads a file to scratch space and hashes it on the way; undefined when it is absent. */
async function download(
  archive: Archive,
  place: Place,
  scratch: Scratch,
  options: CallOptions = {},
): Promise<{ readonly sha256: string; readonly bytes: number; readonly date: number | undefined } | undefined> {
  const hash = createHash('sha256');
  let bytes = 0;
  const sink = async (chunk: Uint8Array): Promise<void> => {
    hash.update(chunk);
    for (let at = 0; at < chunk.length; ) {
      const { bytesWritten } = await scratch.write(chunk, at, chunk.length - at, bytes + at);
      at += bytesWritten;
    }
    bytes += chunk.length;
  };
  const url = archive.origin + place.path;
  const cost = [{ budget: ARCHIVE_BUDGET, tokens: 1 }];
  const { priority, signal } = options;
  const call = { url, cost, subject: place.product, priority };
  const reply = await orAbsent(archive.transport.send(call, { signal, sink }));
  return reply && { sha256: hash.digest('hex'), bytes, date: reply.date };
}

async function inspect(
  archive: Archive,
  place: Place,
  scratch: Scratch,
  facts: Pick<ArchiveFile, 'sha256' | 'bytes' | 'date'>,
): Promise<ArchiveFile> {
  const { clock, timeOf } = archive;
  try {
    const member = await openZipMember(scratch.fd, place.member);
    const { ids, unreadable, repeated } = await surveyRows(await member.read());
    const receivedAt = clock.now();
    return {
      ...facts,
      request: place.path,
      ids,
      leftOut: unreadable + repeated,
      pages: async function* (wanted) {
        const chunks = await member.read();
        const { gridSize } = binanceDefaults;
        const inFile = wanted.intersect(ids);
        yield* archivePages({ chunks, wanted: inFile, gridSize, timeOf, receivedAt, date: facts.date });
      },
      close: () => scratch.close(),
    };
  } catch (cause) {
    const why = (cause as Error).message;
    throw damaged(
      `${place.file} agrees with its checksum but cannot be used: ${why}`,
      archive.origin + place.path,
      cause,
    );
  }
}

async function openFile(
  archive: Archive,
  place: Place,
  options: CallOptions | undefined,
): Promise<ArchiveFile | undefined> {
  const expected = await readChecksum(archive, place, options);
  if (expected === undefined) return undefined;
  const scratch = await archive.openScratch();
  let isOpen = false;
  try {
    const facts = await download(archive, place, scratch, options);
    if (facts === undefined) return undefined;
    if (facts.sha256 !== expected)
      throw damaged(
        `${place.file} does not agree with its checksum: expected sha256 ${expected}, got ${facts.sha256} of ${facts.bytes} bytes`,
        archive.origin + place.path,
      );
    const file = await inspect(archive, place, scratch, facts);
    isOpen = true;
    return file;
  } finally {
    if (!isOpen) await scratch.close();
  }
}

/**
 * The trades files of data.binance.vision (EXCHANGES §2.5). A file is on scratch space, agrees with its checksum and was
 * read through whole before one row of it is given. Memory: about 100,000 rows, whatever the file's size.
 */
export function createBinanceArchive(options: BinanceArchiveOptions & Pick<Archive, 'clock' | 'timeOf'>): TradeArchive {
  const { transport, baseUrl = binanceDefaults.archiveUrl, openScratch, clock, timeOf } = options;
  const archive: Archive = { transport, origin: parseOrigin(baseUrl), openScratch, clock, timeOf };
  return {
    origin: archive.origin,
    firstMonth: binanceDefaults.firstMonth,
    exists: async (product, period, send) =>
      (await readChecksum(archive, placeOf(product, period), send)) !== undefined,
    open: (product, period, send) => openFile(archive, placeOf(product, period), send),
  };
}
