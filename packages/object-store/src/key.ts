import { StoreError } from './errors.js';

const SEGMENT = /^[\x21-\x7e]+$/;

/** Whether a name could be a segment of a key: what a folder holds besides is no object. */
export function isSegment(name: string): boolean {
  return SEGMENT.test(name) && !name.includes('\\');
}

/** Throws `StoreError` `invalid-key` when a listing's prefix would begin outside the store. */
export function checkPrefix(prefix: string): string {
  const segments = prefix.split('/');
  if (prefix.startsWith('/') || segments.includes('..') || segments.includes('.')) {
    throw new StoreError(
      'invalid-key',
      `list prefix ${JSON.stringify(prefix.slice(0, 300))}: expected the beginning of a key, without "/" in front and without "." or ".."`,
    );
  }
  return prefix;
}

/** Throws `StoreError` `invalid-key` unless `key` stays inside a store on every driver. */
export function checkKey(key: string): string {
  for (const segment of key.split('/')) {
    if (
      !SEGMENT.test(segment) ||
      segment.includes('\\') ||
      segment === '.' ||
      segment === '..' ||
      segment.length > 255
    ) {
      throw new StoreError(
        'invalid-key',
        `object key ${JSON.stringify(key.slice(0, 300))}: expected segments of 1 to 255 printable ASCII characters ` +
          'without "." or ".." between "/"; percent-encode other text',
      );
    }
  }
  if (key.startsWith('.schemahub/')) {
    throw new StoreError(
      'invalid-key',
      `object key ${JSON.stringify(key)}: .schemahub/ is reserved for the store itself`,
    );
  }
  return key;
}
