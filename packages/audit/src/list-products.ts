import { decodeSegment, type FileList, type Layout, parseEvidence } from '@schemahub/lake';
import type { ObjectStore } from '@schemahub/object-store';

export interface ProductName {
  readonly exchange: string;
  readonly productId: string;
}

/** First segments below a prefix, each with one key below it; one short listing a segment. */
async function segmentsBelow(store: ObjectStore, prefix: string): Promise<Map<string, string>> {
  const segments = new Map<string, string>();
  let startAfter: string | undefined;
  for (;;) {
    let found: string | undefined;
    for await (const { key } of store.list(prefix, { startAfter })) {
      found = key;
      break;
    }
    if (found === undefined) return segments;
    const slash = found.indexOf('/', prefix.length);
    if (slash < 0) startAfter = found;
    else {
      const segment = found.slice(prefix.length, slash);
      segments.set(segment, found);
      startAfter = `${prefix}${segment}0`; // '0' follows '/': on to the next product
    }
  }
}

/** A segment too long to hold the product's name: its evidence tells it. */
async function productOfEvidence(store: ObjectStore, key: string): Promise<string | undefined> {
  const stored = await store.get(key);
  try {
    return stored && parseEvidence(key, stored.bytes).product_id;
  } catch {
    return undefined; // damaged: the same product is found again by its other objects, or not at all
  }
}

/**
 * Every product that a lake knows by evidence, by raw objects or by its table, ascending. Also one whose evidence is
 * gone or damaged is found.
 */
export async function listAuditProducts(options: {
  readonly store: ObjectStore;
  readonly layout: Layout;
  readonly exchanges: readonly string[];
  readonly lists: readonly FileList[];
}): Promise<ProductName[]> {
  const { store, layout, exchanges, lists } = options;
  const found = new Map<string, ProductName>();
  const add = (exchange: string, productId: string | undefined): void => {
    if (productId !== undefined) found.set(`${exchange} ${productId}`, { exchange, productId });
  };
  for (const { exchange, productId } of lists) add(exchange, productId);
  for (const exchange of exchanges) {
    for (const [segment, key] of await segmentsBelow(store, layout.evidencePrefix(exchange)))
      add(exchange, decodeSegment(segment) ?? (await productOfEvidence(store, key)));
    for (const segment of (await segmentsBelow(store, layout.rawPrefix(exchange))).keys())
      add(exchange, decodeSegment(segment));
  }
  return [...found.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, product]) => product);
}
