import { createHash } from 'node:crypto';
import {
  type CommitBody,
  type FileList,
  LakeError,
  type Layout,
  listCommitNumbers,
  readCommit,
  readFileList,
  type StoredCommit,
} from '@schemahub/lake';
import type { ObjectStore } from '@schemahub/object-store';
import { type Certificate, type Finding, parseCertificate } from './certificate/index.js';
import { findingOf } from './findings.js';

/** The latest commit with everything that it names, as far as it can be read. */
export interface AuditTable {
  /** 0 in a lake without commits. */
  readonly number: number;
  readonly sha256: string | undefined;
  /** Undefined without commits, and when the latest one is damaged. */
  readonly commit: CommitBody | undefined;
  readonly lists: readonly FileList[];
  /** Sizes of the data and quarantine objects that exist, by key. */
  readonly objects: ReadonlyMap<string, number>;
  readonly findings: readonly Finding[];
  /** The certificate made last, at this commit or before. */
  readonly previous: Certificate | undefined;
}

/** Commits read at the same time: hides a store's latency and costs a few KB each. */
const LANES = 16;

async function mapInLanes<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = new Array(items.length);
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const at = next++;
      results[at] = await work(items[at]!);
    }
  };
  await Promise.all(Array.from({ length: Math.min(LANES, items.length) }, lane));
  return results;
}

/** What the chain needs to know of one commit: sha256 of its body, kept by tombstones too. */
interface Link {
  readonly number: number;
  readonly sha256: string | undefined;
  readonly parent: CommitBody['parent'] | undefined;
  readonly stored: StoredCommit | undefined;
  readonly problem: string | undefined;
}

async function readLink(store: ObjectStore, layout: Layout, number: number): Promise<Link> {
  try {
    const stored = await readCommit(store, layout, number);
    if (stored?.kind === 'tombstone') {
      return { number, sha256: stored.body.sha256, parent: undefined, stored, problem: undefined };
    }
    return { number, sha256: stored?.sha256, parent: stored?.body.parent, stored, problem: undefined };
  } catch (error) {
    if (!(error instanceof LakeError) || error.code !== 'damaged-commit') throw error;
    const bytes = (await store.get(layout.commit(number)))?.bytes ?? new Uint8Array();
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return { number, sha256, parent: undefined, stored: undefined, problem: error.message };
  }
}

const RESTORE = 'Restore it from a backup of the lake';

/** Numbers 1 … N without a gap, and each parent the commit that is stored. */
function checkChain(layout: Layout, links: readonly Link[], highest: number): Finding[] {
  const findings: Finding[] = [];
  const byNumber = new Map(links.map((link) => [link.number, link]));
  for (let number = 1; number <= highest; number += 1) {
    const key = layout.commit(number);
    const link = byNumber.get(number);
    if (link === undefined) {
      findings.push(
        findingOf('missing-commit', { key }, `commit ${number} is missing: numbers are never freed. ${RESTORE}.`),
      );
      continue;
    }
    if (link.problem !== undefined) findings.push(findingOf('damaged-commit', { key }, `${link.problem}. ${RESTORE}.`));
    const before = byNumber.get(number - 1);
    const { parent } = link;
    if (parent === undefined || (number > 1 && before === undefined)) continue;
    const expected = number === 1 ? null : number - 1;
    if ((parent?.number ?? null) !== expected || parent?.sha256 !== before?.sha256) {
      const edited = number === 1 ? key : layout.commit(number - 1);
      findings.push(
        findingOf(
          'broken-chain',
          { key: edited },
          `commit ${number} follows ${parent === null ? 'nothing' : `commit ${parent.number} with sha256 ${parent.sha256}`}, ` +
            `but stored is ${before === undefined ? 'nothing' : `commit ${before.number} with sha256 ${before.sha256}`}: one of them was edited. ${RESTORE}.`,
        ),
      );
    }
  }
  return findings;
}

/** The pointer is a cache, but it never runs ahead: a number in it was a commit. */
async function pointerNumber(store: ObjectStore, layout: Layout): Promise<number> {
  const stored = await store.get(layout.commitPointer);
  if (stored === undefined) return 0;
  try {
    const { number } = JSON.parse(Buffer.from(stored.bytes).toString('utf8')) as { number: unknown };
    return Number.isSafeInteger(number) ? (number as number) : 0;
  } catch {
    return 0; // a damaged cache is no cache
  }
}

/** The certificate of the highest commit, where it can be read: it remembers what was there. */
async function readPrevious(
  store: ObjectStore,
  layout: Layout,
): Promise<{ readonly number: number; readonly certificate: Certificate | undefined }> {
  let latest: string | undefined;
  for await (const { key } of store.list(layout.certificates)) if (/\/\d{20}\.json$/.test(key)) latest = key;
  if (latest === undefined) return { number: 0, certificate: undefined };
  const number = Number(latest.slice(-25, -5));
  const stored = await store.get(latest);
  try {
    const certificate = parseCertificate(JSON.parse(Buffer.from(stored?.bytes ?? []).toString('utf8')));
    return { number, certificate };
  } catch {
    return { number, certificate: undefined }; // made again by this verification
  }
}

async function readLists(
  store: ObjectStore,
  commit: CommitBody,
): Promise<{ readonly lists: FileList[]; readonly findings: Finding[] }> {
  const findings: Finding[] = [];
  const lists = await mapInLanes(commit.products, async ({ exchange, product_id: productId, list: key }) => {
    try {
      const list = await readFileList(store, key);
      if (list.exchange === exchange && list.productId === productId) return list;
      const problem = `is the list of ${list.exchange} ${list.productId}, the commit names it for ${exchange} ${productId}`;
      findings.push(findingOf('commit-differs', { exchange, productId, key }, `${key}: ${problem}. ${RESTORE}.`));
    } catch (error) {
      if (!(error instanceof LakeError)) throw error;
      const code = error.code === 'missing-object' ? 'missing-file-list' : 'damaged-file-list';
      findings.push(findingOf(code, { exchange, productId, key }, `${error.message}. ${RESTORE}.`));
    }
    return undefined;
  });
  return { lists: lists.filter((list) => list !== undefined), findings };
}

async function listSizes(store: ObjectStore, prefixes: Iterable<string>): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for (const prefix of prefixes) for await (const { key, size } of store.list(prefix)) sizes.set(key, size);
  return sizes;
}

/** Reads the commits, the lists of the latest one and the names of the objects behind them. Throws only for the store. */
export async function readTable(options: {
  readonly store: ObjectStore;
  readonly layout: Layout;
  /** Look at the latest commit only: for a quick look, never for a certificate. Default false. */
  readonly latestOnly?: boolean | undefined;
}): Promise<AuditTable> {
  const { store, layout, latestOnly } = options;
  // Before the commits are listed: one that appears meanwhile must not look as if it were missing.
  const previous = await readPrevious(store, layout);
  const pointer = await pointerNumber(store, layout);
  const numbers = await listCommitNumbers(store, layout);
  const read = latestOnly === true ? numbers.slice(-1) : numbers;
  const links = await mapInLanes(read, (number) => readLink(store, layout, number));
  const number = numbers.at(-1) ?? 0;
  const highest = Math.max(number, pointer, previous.number);
  const findings = latestOnly === true ? [] : checkChain(layout, links, highest);
  const head = links.at(-1);
  if (head?.stored?.kind === 'tombstone') {
    const problem = `commit ${number} is the latest and a tombstone: the commits above it are missing. ${RESTORE}.`;
    findings.push(findingOf('missing-commit', { key: layout.commit(number) }, problem));
  }
  const known = previous.certificate;
  if (known?.commit?.number === number && head !== undefined && known.commit.sha256 !== head.sha256) {
    const problem =
      `commit ${number} has sha256 ${head.sha256}, ${layout.certificate(number)} was made for ${known.commit.sha256}: ` +
      `the commit or the certificate was edited. ${RESTORE}.`;
    findings.push(findingOf('edited-commit', { key: layout.commit(number) }, problem));
  }
  const commit = head?.stored?.kind === 'commit' ? head.stored.body : undefined;
  const lists = commit === undefined ? { lists: [], findings: [] } : await readLists(store, commit);
  const quarantines = commit?.quarantine ?? [];
  const objects = await listSizes(store, [
    ...(commit === undefined ? [] : [`${layout.unified}v`]),
    ...new Set(quarantines.map((key) => key.slice(0, key.lastIndexOf('/') + 1))),
  ]);
  for (const key of quarantines) {
    if (objects.has(key)) continue;
    const problem = `${key}: a commit names it, but it is not in ${store.location}. ${RESTORE}, or run: schemahub transform --rebuild`;
    findings.push(findingOf('missing-quarantine', { key }, problem));
  }
  return {
    number,
    sha256: head?.sha256,
    commit,
    lists: lists.lists,
    objects,
    findings: [...findings, ...lists.findings],
    previous: known,
  };
}
