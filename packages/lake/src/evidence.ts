import { type IdRange, MAX_ID, RangeSet } from '@schemahub/coverage';
import type { ObjectStore } from '@schemahub/object-store';
import { LakeError } from './errors.js';
import { decodeSegment, hash128, type Layout } from './keys.js';

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
  /** A file of the venue's bulk archive that rows were taken from. */
  readonly archive?: ArchiveEvidence | undefined;
}

/** A checked file of a venue's bulk archive. */
export interface ArchiveEvidence {
  readonly url: string;
  /** Of the file as it was downloaded; the archive's own checksum said the same. */
  readonly sha256: string;
  /** Ids that it holds; all of them that the lake lacked were taken from it. */
  readonly ids: string;
  /** RFC 3339, the archive's clock; null where it sent none. */
  readonly date: string | null;
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

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isListOf(value: unknown, isMember: (member: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isMember);
}

function isRequest(value: unknown): boolean {
  if (!isObject(value) || typeof value.request !== 'string' || !isListOf(value.ids, isId)) return false;
  const isFresh = value.fresh_connection === undefined || typeof value.fresh_connection === 'boolean';
  return isFresh && (value.date === null || typeof value.date === 'string');
}

function isVoidRun(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { first, last, lower, upper, probes } = value;
  if (!isId(first) || !isId(last) || !isId(lower) || !isId(upper)) return false;
  return lower === first - 1 && upper === last + 1 && first <= last && isListOf(probes, isRequest);
}

function isRangeText(value: unknown): boolean {
  try {
    return typeof value === 'string' && RangeSet.parse(value) !== undefined;
  } catch {
    return false; // told by the caller, with the member's name
  }
}

function isArchive(value: unknown): boolean {
  if (!isObject(value) || typeof value.url !== 'string' || !isRangeText(value.ids)) return false;
  const isHash = typeof value.sha256 === 'string' && /^[0-9a-f]{64}$/.test(value.sha256);
  return isHash && (value.date === null || typeof value.date === 'string');
}

/** The members that evidence may have besides its first four: what each must be, and the sentence when it is not. */
const MEMBERS: readonly (readonly [keyof Evidence, (value: unknown) => boolean, string])[] = [
  ['symbol', (value) => typeof value === 'string', 'symbol is no text'],
  ['origin', (value) => typeof value === 'string', 'origin is no text'],
  ['asked', isRangeText, 'asked is no ascending list of id ranges'],
  ['anchor', isId, 'anchor is no id'],
  [
    'floor',
    (value) => isObject(value) && isId(value.id) && isListOf(value.requests, isRequest),
    'floor is no id with its requests',
  ],
  ['head', (value) => isObject(value) && isId(value.id) && isTime(value.seen_at), 'head is no id and time'],
  ['void', (value) => isListOf(value, isVoidRun), 'a void run is not between two neighbours, with its probes'],
  [
    'condemned',
    (value) => isListOf(value, (one) => isObject(one) && typeof one.key === 'string' && typeof one.reason === 'string'),
    'condemned names no key and reason',
  ],
  [
    'closed',
    (value) => value === null || (isObject(value) && typeof value.status === 'string' && isTime(value.seen_at)),
    'closed is no status and time',
  ],
  ['unnumbered', isId, 'unnumbered is no count'],
  ['archive', isArchive, 'archive is no url, sha256 and ids'],
];

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
  if (!isObject(value) || value.version !== 1) throw wrong('expected version 1');
  if (typeof value.exchange !== 'string' || typeof value.product_id !== 'string')
    throw wrong('exchange or product_id is no text');
  if (!isTime(value.time)) throw wrong('time is not RFC 3339 with ms');
  for (const [member, isRight, sentence] of MEMBERS) {
    if (value[member] !== undefined && !isRight(value[member])) throw wrong(sentence);
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
  const fold = await readEvidence(store, layout, exchange, product, (key) =>
    key.includes(`_${CONDEMNED}_`, key.lastIndexOf('/')),
  );
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
    // Of two that raced the higher one counts, whichever was written first (as in the checkpoint).
    if (evidence.anchor !== undefined) anchor = Math.max(anchor ?? 0, evidence.anchor);
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

/**
 * Reads and folds the evidence of a product, all of it or what `accept` takes by key. What does not end in `.json` is
 * not ours [folder views leave files]. Throws `LakeError` `damaged-evidence`, also for evidence of another product and
 * for content that does not fit its name: what was edited proves nothing.
 */
export async function readEvidence(
  store: ObjectStore,
  layout: Layout,
  exchange: string,
  product: string,
  accept: (key: string) => boolean = () => true,
): Promise<EvidenceFold> {
  const list: Evidence[] = [];
  for await (const { key } of store.list(layout.evidence(exchange, product))) {
    if (!key.endsWith('.json') || !accept(key)) continue;
    const stored = await store.get(key);
    if (stored === undefined)
      throw new LakeError('missing-object', `${key}: listed, but not in ${store.location}`, { key });
    const evidence = parseEvidence(key, stored.bytes);
    const wrong = whatIsForeign(key, stored.bytes, evidence, exchange, product);
    if (wrong !== undefined) {
      const help = 'Restore this object from a backup, or delete it and run repair.';
      throw new LakeError('damaged-evidence', `${key}: ${wrong}. ${help}`, { key });
    }
    list.push(evidence);
  }
  return foldEvidence(exchange, product, list);
}

function whatIsForeign(
  key: string,
  bytes: Uint8Array,
  evidence: Evidence,
  exchange: string,
  product: string,
): string | undefined {
  if (evidence.exchange !== exchange || evidence.product_id !== product) {
    return `is evidence of ${evidence.exchange} ${evidence.product_id}, but lies with ${exchange} ${product}`;
  }
  return key.endsWith(`_${hash128(bytes)}.json`) ? undefined : 'its content does not fit its name: it was edited';
}

/** Products of an exchange that the lake knows by evidence, ascending. Opens an object only where the folder's name was cut. */
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
    const slash = found.indexOf('/', prefix.length);
    startAfter = found;
    if (slash < 0) continue; // a file beside the products' folders is none of ours
    const name = decodeSegment(found.slice(prefix.length, slash));
    // Only a name that was cut must be asked for below it; any other that cannot be read is a foreign folder.
    const isCut = name === undefined && found.lastIndexOf('~', slash) >= prefix.length;
    if (isCut && !found.endsWith('.json')) continue;
    const stored = isCut ? await store.get(found) : undefined;
    const product = stored === undefined ? name : parseEvidence(found, stored.bytes).product_id;
    if (product !== undefined) products.push(product);
    // '0' follows '/': on to the first key of the next product.
    startAfter = `${found.slice(0, slash)}0`;
  }
}
