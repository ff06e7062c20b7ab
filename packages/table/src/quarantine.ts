import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { hash128 } from '@schemahub/lake';
import type { RefusedRecord } from '@schemahub/mapping-engine';
import type { BlockProduct } from './block-work.js';
import type { TableContext } from './context.js';
import type { RefusedSample } from './errors.js';

const compress = promisify(gzip);

/** A refused record as a report shows it, without its bytes. */
export function refusedSample({ source, line, id, reason }: RefusedRecord): RefusedSample {
  return { object: source, line, id, reason };
}

/** Text where the bytes are text; else base64, so that no byte is lost. */
function recordMember(record: Uint8Array): { record: string } | { record_base64: string } {
  const bytes = Buffer.from(record.buffer, record.byteOffset, record.byteLength);
  const text = bytes.toString('utf8');
  return Buffer.from(text).equals(bytes) ? { record: text } : { record_base64: bytes.toString('base64') };
}

/**
 * Keeps refused records as JSON Lines {object, line, id, reason, record} under a name made from the content, so that
 * writing them again is harmless. Gives the key; undefined when there are none.
 */
export async function writeQuarantine(
  context: TableContext,
  product: BlockProduct,
  refused: readonly RefusedRecord[],
): Promise<string | undefined> {
  if (refused.length === 0) return undefined;
  const sorted = [...refused].sort((a, b) => (a.source === b.source ? a.line - b.line : a.source < b.source ? -1 : 1));
  const lines = sorted.map((entry) => JSON.stringify({ ...refusedSample(entry), ...recordMember(entry.record) }));
  const text = Buffer.from(`${lines.join('\n')}\n`);
  const key = `${context.layout.quarantine(product.exchange, product.productId)}${hash128(text)}.jsonl.gz`;
  await context.store.putIfAbsent(key, await compress(text));
  return key;
}
