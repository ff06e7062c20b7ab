import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { RangeSet } from '@schemahub/coverage';
import type { ObjectStore } from '@schemahub/object-store';
import { LakeError } from './errors.js';
import { hash128, type Layout } from './keys.js';

const compress = promisify(gzip);
const decompress = promisify(gunzip);

/** Bytes that a list may unpack to: a hundred thousand files. Beyond it is damage or an attack. */
const MAX_UNPACKED_BYTES = 100_000_000;

/** Ids of one block of cells. No data file spans two blocks or two months. */
export const BLOCK_IDS = 2_097_152;

/** A live Parquet file of the table. */
export interface DataFile {
  /** Key in the lake. */
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: string;
  /** Ids of its rows. */
  readonly ids: RangeSet;
  /** `2025-12`. */
  readonly month: string;
  /** Floor of id ÷ 2,097,152. */
  readonly block: number;
  /** µs since 1970. */
  readonly minTs: number;
  readonly maxTs: number;
  /** Digest of the sorted names of the raw objects that it was made from. */
  readonly rawDigest: string;
  /** Version of the writer: bytes are equal per version only. */
  readonly writer: string;
  /** Names of its columns, so that readers know which files lack a later one. */
  readonly columns: readonly string[];
}

/** The live files of one product, and which ids they and the quarantine hold. */
export interface FileList {
  readonly exchange: string;
  readonly productId: string;
  readonly symbol: string;
  /** Ascending by block, month, path. */
  readonly files: readonly DataFile[];
  readonly present: RangeSet;
  readonly quarantined: RangeSet;
}

/** Files in the order in which lists keep them. */
export function sortFiles(files: readonly DataFile[]): DataFile[] {
  return [...files].sort(
    (a, b) => a.block - b.block || (a.month < b.month ? -1 : a.month > b.month ? 1 : a.path < b.path ? -1 : 1),
  );
}

/** The list as stored bytes under a name made from its content. */
export async function writeFileList(store: ObjectStore, layout: Layout, list: FileList): Promise<string> {
  const body = {
    version: 1,
    exchange: list.exchange,
    product_id: list.productId,
    symbol: list.symbol,
    present: list.present.toString(),
    quarantined: list.quarantined.toString(),
    files: sortFiles(list.files).map((file) => ({
      path: file.path,
      rows: file.rows,
      bytes: file.bytes,
      sha256: file.sha256,
      ids: file.ids.toString(),
      month: file.month,
      block: file.block,
      min_ts: file.minTs,
      max_ts: file.maxTs,
      raw_digest: file.rawDigest,
      writer: file.writer,
      columns: file.columns,
    })),
  };
  const text = Buffer.from(`${JSON.stringify(body)}\n`);
  const key = `${layout.fileLists(list.exchange, list.productId)}${hash128(text)}.json.gz`;
  // A stored list that lost its content must not be committed: reading it back says so.
  if ((await store.putIfAbsent(key, await compress(text, { level: 9 }))) === 'exists') await readFileList(store, key);
  return key;
}

function parseDataFile(value: Record<string, unknown>): DataFile {
  const { path, rows, bytes, sha256, ids, month, block, min_ts, max_ts, raw_digest, writer, columns } = value;
  const numbers = [rows, bytes, block, min_ts, max_ts];
  const texts = [path, sha256, ids, month, raw_digest, writer, ...(Array.isArray(columns) ? columns : [])];
  if (
    !numbers.every(Number.isSafeInteger) ||
    !texts.every((text) => typeof text === 'string') ||
    !Array.isArray(columns)
  ) {
    throw new TypeError(`a file entry is incomplete (${JSON.stringify(path)})`);
  }
  return {
    path: path as string,
    rows: rows as number,
    bytes: bytes as number,
    sha256: sha256 as string,
    ids: RangeSet.parse(ids as string),
    month: month as string,
    block: block as number,
    minTs: min_ts as number,
    maxTs: max_ts as number,
    rawDigest: raw_digest as string,
    writer: writer as string,
    columns: columns as string[],
  };
}

/** Reads a list back; its name must fit its content. Throws `LakeError` `missing-object` or `damaged-file-list`. */
export async function readFileList(store: ObjectStore, key: string): Promise<FileList> {
  const stored = await store.get(key);
  if (stored === undefined) {
    throw new LakeError('missing-object', `${key}: a commit names this file list, but it is not in ${store.location}`, {
      key,
    });
  }
  try {
    const text = await decompress(stored.bytes, { maxOutputLength: MAX_UNPACKED_BYTES });
    if (!key.endsWith(`/${hash128(text)}.json.gz`)) throw new TypeError('its content does not fit its name');
    const value = JSON.parse(text.toString('utf8')) as Record<string, unknown>;
    return {
      exchange: String(value.exchange),
      productId: String(value.product_id),
      symbol: String(value.symbol),
      files: (value.files as Record<string, unknown>[]).map(parseDataFile),
      present: RangeSet.parse(value.present as string),
      quarantined: RangeSet.parse(value.quarantined as string),
    };
  } catch (error) {
    throw new LakeError(
      'damaged-file-list',
      `${key}: ${(error as Error).message}. File lists are never rewritten: restore this object from a backup.`,
      { key, cause: error },
    );
  }
}
