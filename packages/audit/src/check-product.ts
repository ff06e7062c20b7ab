import type { Checkpoint } from '@schemahub/checkpoint';
import { type Account, account, RangeSet, wantedIds } from '@schemahub/coverage';
import { type FileList, parseRawName, type VoidRun } from '@schemahub/lake';
import type { CertificateProduct, Finding } from './certificate/index.js';
import { judgeFloor, judgeVoidRun } from './certificate/proof.js';
import { type CheckedList, checkList } from './check-list.js';
import { type FindingCode, findingOf, idsText } from './findings.js';
import type { AuditProduct } from './read-product.js';
import type { AuditTable } from './read-table.js';

/** One product, judged. */
export interface CheckedProduct {
  readonly product: AuditProduct;
  readonly list: FileList | undefined;
  readonly account: Account;
  /** The floor, where its evidence proves it. */
  readonly floor: number | undefined;
  /** Runs whose evidence proves them, between trades that are held. */
  readonly voidRuns: readonly VoidRun[];
  readonly findings: readonly Finding[];
}

type Report = (code: FindingCode, key: string | undefined, message: string) => void;

/** Runs that prove something. What does not is told, unless its ids are proven or held anyway. */
function checkVoids(product: AuditProduct, present: RangeSet, report: Report): VoidRun[] {
  const held = product.rawIds.union(present);
  const proven: VoidRun[] = [];
  const open: { readonly run: VoidRun; readonly problem: string; readonly code: FindingCode }[] = [];
  for (const run of product.evidence.voidRuns) {
    const problem = judgeVoidRun(run);
    if (problem !== undefined) open.push({ run, problem, code: 'void-not-proven' });
    else if (held.contains(run.lower) && held.contains(run.upper)) proven.push(run);
    else {
      const lost = held.contains(run.lower) ? run.upper : run.lower;
      open.push({ run, problem: `its neighbour ${lost} is no longer held`, code: 'void-open' });
    }
  }
  const settled = RangeSet.fromRanges(proven).union(held);
  for (const { run, problem, code } of open) {
    const ids = RangeSet.of(run.first, run.last).difference(settled);
    if (ids.isEmpty) continue;
    const remedy = 'They count as missing. Settle them with: schemahub repair';
    report(code, product.voidKeys.get(run), `void run ${run.first}-${run.last}: ${problem}. ${remedy}`);
  }
  return proven;
}

function checkFloor(product: AuditProduct, report: Report): number | undefined {
  const { floor, floorRequests } = product.evidence;
  if (floor === undefined) return undefined;
  const problem = judgeFloor(floor, floorRequests);
  if (problem === undefined) return floor;
  report(
    'floor-not-proven',
    undefined,
    `floor ${floor}: ${problem}; ids below it count as missing. Restore the evidence from a backup of the lake.`,
  );
  return undefined;
}

const CHECKPOINT_REMEDY =
  'A raw object or evidence was deleted, or the checkpoint edited. Run: schemahub repair, which fetches again what no raw object holds; if it says the same afterwards, delete the checkpoint: it is a cache and is rebuilt.';

/** A checkpoint that claims more than raw objects and evidence hold would leave holes; one that claims less is adopted. */
function checkCheckpoint(product: AuditProduct, checkpoint: Checkpoint, damaged: RangeSet, report: Report): void {
  const { evidence } = product;
  // What a damaged object held is not known; that it is damaged is told.
  const rawIds = product.rawIds.union(checkpoint.fetched.intersect(damaged));
  const beyond: string[] = [];
  const behind: string[] = [];
  const sets = [
    ['fetched', checkpoint.fetched, rawIds],
    ['void', checkpoint.void, evidence.void],
    ['asked', checkpoint.asked, evidence.asked],
  ] as const;
  for (const [name, stored, true_] of sets) {
    const more = stored.difference(true_);
    const less = true_.difference(stored);
    if (!more.isEmpty) beyond.push(`${name} claims ${idsText(more)} too many`);
    else if (!less.isEmpty) behind.push(`${name} lacks ${idsText(less)}`);
  }
  const numbers = [
    ['epoch', checkpoint.epoch, evidence.condemned.size],
    ['head', checkpoint.head?.id ?? -1, evidence.head?.id ?? -1],
    ['last_trade', checkpoint.lastTrade?.id ?? -1, rawIds.last ?? -1],
  ] as const;
  for (const [name, stored, true_] of numbers) {
    if (stored > true_) beyond.push(`${name} is ${stored}, expected ${true_}`);
    else if (stored < true_) behind.push(`${name} is ${stored}, not yet ${true_}`);
  }
  const texts = [
    ['origin', checkpoint.origin, evidence.origin],
    ['symbol', checkpoint.symbol, evidence.symbol],
    ['anchor', checkpoint.anchor, evidence.anchor],
    ['floor', checkpoint.floor, evidence.floor],
    ['closed', checkpoint.closed?.status, evidence.closed?.status],
  ] as const;
  for (const [name, stored, true_] of texts) {
    if (stored === true_) continue;
    if (stored === undefined) behind.push(`${name} is not yet ${true_}`);
    else beyond.push(`${name} is ${stored}, expected ${true_ ?? 'none'}`);
  }
  const name = `checkpoint of ${product.exchange} ${product.productId}`;
  if (beyond.length > 0) report('checkpoint-differs', undefined, `${name}: ${beyond.join('; ')}. ${CHECKPOINT_REMEDY}`);
  if (behind.length > 0)
    report('checkpoint-behind', undefined, `${name}: ${behind.join('; ')}. The next ingest or repair adopts that.`);
}

/** `repair` condemns what a certificate saw and fetches its trades again. */
const GONE_REMEDY =
  'Restore it from a backup of the lake, or give it up and fetch its trades again with: schemahub repair';

/** `repair` condemns what the checkpoint claims and no object holds, and fetches it again. */
const LOST_REMEDY =
  'Restore the raw objects from a backup of the lake, or give them up and fetch their trades again with: schemahub repair';

interface Lost {
  /** Ids that matter: wanted, or in the table. */
  readonly matter: RangeSet;
  /** Ids of sound raw objects, and those that never were. */
  readonly covered: RangeSet;
}

/** Condemned objects without a replacement, and objects that an earlier certificate saw and that are gone. */
function checkRawObjects(
  product: AuditProduct,
  lost: Lost,
  previous: CertificateProduct | undefined,
  carried: readonly Finding[],
  report: Report,
): RangeSet {
  let told = RangeSet.empty;
  const lostOf = (key: string): RangeSet => {
    const name = parseRawName(key);
    if (name === undefined) return RangeSet.empty;
    return RangeSet.of(name.first, name.last).difference(lost.covered).intersect(lost.matter);
  };
  const { condemned } = product.evidence;
  for (const [key, reason] of condemned) {
    const ids = lostOf(key);
    if (ids.isEmpty) continue;
    told = told.union(ids);
    report(
      'condemned-raw',
      key,
      `condemned and not replaced: ${reason}. Without it no raw object holds ${idsText(ids)}. Fetch them again with: schemahub repair`,
    );
  }
  const present = new Set(product.rawNames.map(({ key }) => key));
  const skipped = new Set(product.findings.map(({ key }) => key));
  const known = [...(previous?.raw.objects ?? []), ...carried.filter(({ code }) => code === 'missing-raw')];
  for (const { key } of known) {
    if (key === null || present.has(key) || condemned.has(key) || skipped.has(key)) continue;
    const ids = lostOf(key);
    if (ids.isEmpty) continue;
    told = told.union(ids);
    report(
      'missing-raw',
      key,
      `${key}: an earlier certificate saw it, it is gone. Without it no raw object holds ${idsText(ids)}. ${GONE_REMEDY}`,
    );
  }
  return told;
}

/** Rows of the table that no sound raw object holds, file by file; `told` are those with a reason that was told. */
function checkRows(product: AuditProduct, list: FileList, told: RangeSet, report: Report): void {
  for (const { path, ids } of list.files) {
    const alone = ids.difference(product.rawIds).difference(told);
    if (alone.isEmpty) continue;
    const problem = `${idsText(alone)} are in the table, but no raw object holds them`;
    report('row-without-raw', path, `${path}: ${problem}. ${LOST_REMEDY}`);
  }
}

/** Refused records excuse ids only while they are kept. */
function checkQuarantine(product: AuditProduct, list: FileList, report: Report): RangeSet {
  const alone = list.quarantined.difference(product.rawIds);
  if (!alone.isEmpty) {
    const problem = `${idsText(alone)} are said to be quarantined, but no raw object holds them; they count as missing`;
    report('quarantine-without-raw', undefined, `${product.exchange} ${product.productId}: ${problem}.`);
  }
  return list.quarantined.intersect(product.rawIds);
}

/** Judges one product by names, sizes and documents. Pure: the account comes from coverage's `account` alone. */
export function checkProduct(product: AuditProduct, table: AuditTable): CheckedProduct {
  const { exchange, productId, evidence, rawIds } = product;
  const findings: Finding[] = [...product.findings];
  const report: Report = (code, key, message) => findings.push(findingOf(code, { exchange, productId, key }, message));
  const list = table.lists.find((one) => one.exchange === exchange && one.productId === productId);
  const checked: CheckedList = list === undefined ? { present: RangeSet.empty, findings: [] } : checkList(list, table);
  findings.push(...checked.findings);
  if (evidence.objects === 0 && (list !== undefined || product.rawNames.length > 0)) {
    const problem = 'has raw objects or rows, but no evidence of what was asked';
    report(
      'missing-evidence',
      undefined,
      `${exchange} ${productId}: ${problem}. Restore it from a backup of the lake.`,
    );
  }
  const voidRuns = checkVoids(product, checked.present, report);
  const floor = checkFloor(product, report);
  const damaged = RangeSet.fromRanges(
    product.findings.flatMap(({ code, key }) =>
      code === 'damaged-raw' && key !== null ? (parseRawName(key) ?? []) : [],
    ),
  );
  const sets = {
    wanted: wantedIds({ asked: evidence.asked, floor, head: evidence.head?.id }),
    present: checked.present,
    void: RangeSet.fromRanges(voidRuns),
    quarantined: list === undefined ? RangeSet.empty : checkQuarantine(product, list, report),
    raw: rawIds,
  };
  const own = ({ exchange: venue, product_id: id }: { exchange: string | null; product_id: string | null }): boolean =>
    venue === exchange && id === productId;
  const told = checkRawObjects(
    product,
    { matter: sets.wanted.union(list?.present ?? RangeSet.empty), covered: rawIds.union(sets.void) },
    table.previous?.products.find(own),
    table.previous?.findings.filter(own) ?? [],
    report,
  );
  if (list !== undefined) checkRows(product, list, told.union(damaged), report);
  if (product.checkpoint !== undefined) checkCheckpoint(product, product.checkpoint, damaged, report);
  return { product, list, account: account(sets), floor, voidRuns, findings };
}
