import { type IdRange, MAX_ID, RangeSet } from '@schemahub/coverage';
import type { ObjectStore } from '@schemahub/object-store';
import { LakeError } from './errors.js';
import { hash128, type Layout } from './keys.js';

/** One request that was made as evidence, and what came back. */
export interface EvidenceRequest {
  readonly request: string;
  /** Ids of the rows, as answered. */
  readonly ids: readonly number[];
  /** RFC 3339, the exchange's clock; null where it sent none. */
  readonly date: string | null;
  readonly fresh_connection?: boolean | undefined;
}

/** A run of ids that were never issued, between two held trades, with the requests that attest it. */
export interface VoidRun {
  readonly first: number;
  readonly last: number;
  readonly lower: number;
  readonly upper: number;
  readonly probes: readonly EvidenceRequest[];
}

/** What one run learned about a product, create-only. Every member but the first four is optional: only news is said. */
export interface Evidence {
  readonly version: 1;
  readonly exchange: string;
  readonly product_id: string;
  /** RFC 3339 with ms: when it was written down. */
  readonly time: string;
  readonly symbol?: string | undefined;
  readonly origin?: string | undefined;
  /** Ranges added to what is asked for. */
  readonly asked?: string | undefined;
  readonly anchor?: number | undefined;
  readonly floor?: { readonly id: number; readonly requests: readonly EvidenceRequest[] } | undefined;
  readonly head?: { readonly id: number; readonly seen_at: string } | undefined;
  readonly void?: readonly VoidRun[] | undefined;
  readonly condemned?: readonly { readonly key: string; readonly reason: string }[] | undefined;
  /** The venue stopped serving the product; `null` takes it back. */
  readonly closed?: { readonly status: string; readonly seen_at: string } | null | undefined;
  /** Rows without an id that could not be numbered. */
  readonly unnumbered?: number | undefined;
}

/** All evidence of a product, folded. */
export interface EvidenceFold {
  readonly exchange: string;
  readonly productId: string;
  readonly symbol: string | undefined;
  readonly origin: string | undefined;
  readonly asked: RangeSet;
  readonly anchor: number | undefined;
  readonly floor: number | undefined;
  readonly floorRequests: readonly EvidenceRequest[];
  readonly head: { readonly id: number; readonly seenAt: string } | undefined;
  readonly void: RangeSet;
  readonly voidRuns: readonly VoidRun[];
  readonly condemned: ReadonlyMap<string, string>;
  readonly closed: { readonly status: string; readonly seenAt: string } | undefined;
  readonly unnumbered: number;
  /** Time of the newest evidence. */
  readonly lastUpdated: string | undefined;
  readonly objects: number;
}

const CONDEMNED = 'condemned';

function isTime(value: unknown): value is string {
  return typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value);
}

function isId(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= MAX_ID;
}

function isVoidRun(run: VoidRun): boolean {
  const ids = [run.first, run.last, run.lower, run.upper].every(isId);
  return (
    ids &&
    run.lower === run.first - 1 &&
    run.upper === run.last + 1 &&
    run.first <= run.last &&
    Array.isArray(run.probes)
  );
}

/** Reads an evidence object. Throws `LakeError` `damaged-evidence` that says which member is wrong. */
export function parseEvidence(key: string, bytes: Uint8Array): Evidence {
  const wrong = (what: string, cause?: unknown): LakeError =>
    new LakeError(
      'damaged-evidence',
      `${key}: ${what}. Evidence is never rewritten: restore this object from a backup, or delete it and run repair.`,
      { key, cause },
    );
  let value: Evidence;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8')) as Evidence;
  } catch (error) {
    throw wrong('is not JSON', error);
  }
  if (typeof value !== 'object' || value === null || value.version !== 1) throw wrong('expected version 1');
  if (typeof value.exchange !== 'string' || typeof value.product_id !== 'string')
    throw wrong('exchange or product_id is no text');
  if (!isTime(value.time)) throw wrong('time is not RFC 3339 with ms');
  if (value.anchor !== undefined && !isId(value.anchor)) throw wrong('anchor is no id');
  if (value.floor !== undefined && !isId(value.floor?.id)) throw wrong('floor is no id');
  if (value.head !== undefined && (!isId(value.head?.id) || !isTime(value.head.seen_at)))
    throw wrong('head is no id and time');
  if (value.void !== undefined && !(Array.isArray(value.void) && value.void.every(isVoidRun)))
    throw wrong('a void run is not between two neighbours');
  if (value.condemned !== undefined && !value.condemned.every(({ key: condemned }) => typeof condemned === 'string'))
    throw wrong('condemned names no key');
  if (value.asked !== undefined) {
    try {
      RangeSet.parse(value.asked);
    } catch (error) {
      throw wrong((error as Error).message, error);
    }
  }
  return value;
}

/**
 * Writes an evidence object; its name is its time and the hash of its content, so writing it twice is harmless. What
 * condemns raw objects has a name of its own kind, so that readers of raw find it without opening the rest.
 */
export async function writeEvidence(store: ObjectStore, layout: Layout, evidence: Evidence): Promise<string> {
  const bytes = Buffer.from(`${JSON.stringify(evidence, null, 1)}\n`);
  const kind = evidence.condemned === undefined ? 'progress' : CONDEMNED;
  const time = evidence.time.replaceAll(/[:-]/g, '');
  const key = `${layout.evidence(evidence.exchange, evidence.product_id)}${time}_${kind}_${hash128(bytes)}.json`;
  parseEvidence(key, bytes);
  await store.putIfAbsent(key, bytes);
  return key;
}

/** Keys of the condemned raw objects of a product, with the reason. */
export async function readCondemned(
  store: ObjectStore,
  layout: Layout,
  exchange: string,
  product: string,
): Promise<ReadonlyMap<string, string>> {
  const fold = await readEvidence(store, layout, exchange, product, (key) => key.includes(`_${CONDEMNED}_`));
  return fold.condemned;
}

/** Folds evidence given in the order of its keys, which is that of its times. */
export function foldEvidence(exchange: string, productId: string, list: readonly Evidence[]): EvidenceFold {
  const asked: IdRange[] = [];
  const voidRuns: VoidRun[] = [];
  const condemned = new Map<string, string>();
  let anchor: number | undefined;
  let head: { id: number; seenAt: string } | undefined;
  let latest: Partial<Evidence> = {};
  let floorRequests: readonly EvidenceRequest[] = [];
  let unnumbered = 0;
  for (const evidence of list) {
    for (const range of RangeSet.parse(evidence.asked ?? '')) asked.push(range);
    anchor ??= evidence.anchor;
    if (evidence.head !== undefined && evidence.head.id > (head?.id ?? -1)) {
      head = { id: evidence.head.id, seenAt: evidence.head.seen_at };
    }
    voidRuns.push(...(evidence.void ?? []));
    for (const { key, reason } of evidence.condemned ?? []) if (!condemned.has(key)) condemned.set(key, reason);
    if (evidence.floor !== undefined) floorRequests = evidence.floor.requests;
    unnumbered += evidence.unnumbered ?? 0;
    latest = { ...latest, ...Object.fromEntries(Object.entries(evidence).filter(([, value]) => value !== undefined)) };
  }
  return {
    exchange,
    productId,
    symbol: latest.symbol,
    origin: latest.origin,
    asked: RangeSet.fromRanges(asked),
    anchor,
    floor: latest.floor?.id,
    floorRequests,
    head,
    void: RangeSet.fromRanges(voidRuns),
    voidRuns,
    condemned,
    closed: latest.closed ? { status: latest.closed.status, seenAt: latest.closed.seen_at } : undefined,
    unnumbered,
    lastUpdated: latest.time,
    objects: list.length,
  };
}

/** Reads and folds the evidence of a product, all of it or what `accept` takes by key. Throws `LakeError` `damaged-evidence`. */
export async function readEvidence(
  store: ObjectStore,
  layout: Layout,
  exchange: string,
  product: string,
  accept: (key: string) => boolean = () => true,
): Promise<EvidenceFold> {
  const list: Evidence[] = [];
  for await (const { key } of store.list(layout.evidence(exchange, product))) {
    if (!accept(key)) continue;
    const stored = await store.get(key);
    if (stored === undefined)
      throw new LakeError('missing-object', `${key}: listed, but not in ${store.location}`, { key });
    list.push(parseEvidence(key, stored.bytes));
  }
  return foldEvidence(exchange, product, list);
}

/** Products of an exchange that the lake knows by evidence, ascending. */
export async function listProducts(store: ObjectStore, layout: Layout, exchange: string): Promise<string[]> {
  const prefix = layout.evidencePrefix(exchange);
  const products: string[] = [];
  let startAfter: string | undefined;
  for (;;) {
    let found: string | undefined;
    for await (const { key } of store.list(prefix, { startAfter })) {
      found = key;
      break;
    }
    if (found === undefined) return products.sort();
    const stored = await store.get(found);
    if (stored !== undefined) products.push(parseEvidence(found, stored.bytes).product_id);
    // '0' follows '/': on to the first key of the next product.
    startAfter = `${found.slice(0, found.indexOf('/', prefix.length))}0`;
  }
}
