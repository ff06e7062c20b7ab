import type { ObjectStore } from '@schemahub/object-store';
import { IcebergError } from './errors.js';

/**
 * The URI of a folder of a store, as table metadata names it: `file:///…` for a local folder, `s3://…` as it is. Nothing
 * is percent-encoded: Iceberg's readers take locations as they stand.
 */
export function locationOf(store: ObjectStore, prefix: string): string {
  const url = store.urlOf?.(prefix);
  if (url === undefined) return `memory:///${prefix}`;
  return url.startsWith('/') ? `file://${url}` : url;
}

/** One spelling for what engines spell in several ways: `file:/x`, `/x`, `s3a://`. */
export function plainUri(uri: string): string {
  if (uri.startsWith('/')) return `file://${uri}`;
  return uri.replace(/^file:\/+/, 'file:///').replace(/^s3[an]:\/\//, 's3://');
}

/** The key of a URI of a table that says of itself that it lies at `location`. Throws `IcebergError` `outside-location`. */
export function keyOfUri(uri: string, location: string, prefix: string): string {
  const [plain, base] = [plainUri(uri), `${plainUri(location)}/`];
  if (!plain.startsWith(base) || plain.split('/').includes('..')) {
    throw new IcebergError(
      'outside-location',
      `${uri}: lies outside of the table's location ${location}, so it cannot be read from this store.`,
    );
  }
  return `${prefix}/${plain.slice(base.length)}`;
}
