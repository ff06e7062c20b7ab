import { RangeSet } from '@schemahub/coverage';
import { readEvidence } from '@schemahub/lake';
import { type RunContext, requestsAtOnce } from './context.js';
import {
  type Hole,
  lostNeighbours,
  type ProductHoles,
  planHoles,
  probeHoles,
  type SettledHoles,
  unprovenVoids,
  voidsToAskAgain,
} from './holes.js';
import { pool } from './pool.js';
import { fetchIds, missingOf, type ProductProgress } from './product-progress.js';
import { record } from './record.js';
import { retried, tradeUpTo } from './same-trades.js';

/** Rounds of questions in one run, each after the rows that the last one showed were fetched. */
const ROUNDS = 4;

/** A product whose holes are to be settled. */
export interface OpenProduct {
  /** The run's, with the product's own end. */
  readonly context: RunContext;
  readonly progress: ProductProgress;
  /** Missing ids below trades that are too young to attest anything. */
  unsettled: RangeSet;
  /** Ids that count as void, and whose evidence proves nothing: a clean answer about them is news. */
  unproven: RangeSet;
  /** Runs work on this product alone: its failure does not stop the others. False when it failed. */
  readonly guard: (work: () => Promise<void>) => Promise<boolean>;
}

/** The lowest trade from `id` to the head, found in few requests however far up it lies; undefined when there is none. */
async function lowestFrom(context: RunContext, product: string, id: number, head: number): Promise<number | undefined> {
  const { connector, stop } = context;
  const { gridSize } = connector;
  const options = { signal: stop, priority: 'repair' as const };
  const lowestIn = async (first: number, last: number): Promise<number | undefined> =>
    (await retried(context, product, () => connector.fetchWindow(product, { first, last }, options))).ids[0];
  const greatestUpTo = async (upTo: number): Promise<number> =>
    (await tradeUpTo(context, product, upTo, 'repair'))?.id ?? -1;
  // Nothing lies in id … low; something lies in low + 1 … high.
  let low = Math.min(head, id + gridSize - 1);
  const near = await lowestIn(id, low);
  if (near !== undefined) return near;
  let high: number | undefined;
  for (let step = 10 * gridSize; high === undefined; step *= 10) {
    if (low >= head) return undefined;
    const upTo = Math.min(head, low + step);
    const greatest = await greatestUpTo(upTo);
    if (greatest > low) high = greatest;
    else low = upTo;
  }
  while (high - low > gridSize) {
    const middle = low + Math.floor((high - low) / 2);
    const greatest = await greatestUpTo(middle);
    if (greatest > low) high = greatest;
    else low = middle;
  }
  return await lowestIn(low + 1, high);
}

/** Fetches the row that the edge of an asked range needs above it, so that its last hole lies below a held trade. */
async function holdAbove(context: RunContext, progress: ProductProgress, id: number): Promise<void> {
  const head = progress.checkpoint.head?.id;
  if (head === undefined || id > head) return;
  const lowest = await lowestFrom(context, progress.product.id, id, head);
  if (lowest !== undefined) await fetchIds(context, progress, RangeSet.of(lowest));
}

/**
 * Holes to ask about in this round: what is missing, and in the first round of a `repair` the young voids. A repair also
 * fetches again what an older void rests on.
 */
async function holesOf(
  open: OpenProduct,
  round: number,
): Promise<{ readonly holes: readonly Hole[]; readonly again: readonly Hole[] }> {
  const { context, progress } = open;
  const { settings, store, layout, connector, clock } = context;
  const { openAbove } = planHoles(missingOf(progress), progress.checkpoint.fetched);
  if (openAbove !== undefined) await holdAbove(context, progress, openAbove);
  const isRepair = settings.mode === 'repair' && round === 1;
  const { voidRuns } = isRepair
    ? await readEvidence(store, layout, connector.exchange, progress.product.id)
    : { voidRuns: [] };
  const lost = lostNeighbours(voidRuns, progress.checkpoint.fetched);
  if (!lost.isEmpty) await fetchIds(context, progress, lost);
  const { fetched } = progress.checkpoint;
  const { holes } = planHoles(missingOf(progress), fetched);
  open.unproven = unprovenVoids(voidRuns);
  return { holes, again: voidsToAskAgain(voidRuns, fetched, clock.now(), settings.reprobeMs) };
}

/** Records what the answers attest and fetches the rows that they showed. True when there is something new to ask. */
async function applyAnswers(open: OpenProduct, settled: SettledHoles): Promise<boolean> {
  const { context, progress } = open;
  const product = progress.product.id;
  const news = settled.voids.filter(
    ({ first, last }) =>
      !RangeSet.of(first, last).difference(progress.checkpoint.void).isEmpty || open.unproven.intersects(first, last),
  );
  if (news.length > 0) progress.checkpoint = await record(context, progress.checkpoint, { void: news });
  for (const { first, last } of news) context.onEvent({ type: 'void-settled', product, first, last });
  const missing = missingOf(progress);
  for (const { hole, reason } of settled.unsettled) {
    const ids = missing.clip(hole.first, hole.last);
    if (ids.isEmpty) continue;
    context.onEvent({ type: 'hole-unsettled', product, first: hole.first, last: hole.last, reason });
    if (reason === 'young') open.unsettled = open.unsettled.union(ids);
  }
  const rows = settled.rows.difference(progress.checkpoint.fetched);
  if (rows.isEmpty) return false;
  await fetchIds(context, progress, rows);
  return true;
}

/** One round of questions about all holes of all products; returns the products with something new to ask. */
async function settleRound(
  context: RunContext,
  products: readonly OpenProduct[],
  round: number,
  judged: Map<string, Set<string>>,
): Promise<OpenProduct[]> {
  const asked = new Map<OpenProduct, ProductHoles>();
  await pool(products, requestsAtOnce(context), async (open) => {
    await open.guard(async () => {
      const product = open.progress.product.id;
      const { holes, again } = await holesOf(open, round);
      const known = judged.get(product);
      const fresh = [...holes, ...again].filter(({ first, last }) => !known?.has(`${first}-${last}`));
      if (fresh.length > 0) asked.set(open, { product, stop: open.context.stop, holes: fresh });
    });
  });
  const answers = asked.size === 0 ? new Map<string, SettledHoles>() : await probeHoles(context, [...asked.values()]);
  const changed: OpenProduct[] = [];
  await pool([...asked.keys()], requestsAtOnce(context), async (open) => {
    const product = open.progress.product.id;
    const settled = answers.get(product)!;
    // What proved nothing in this run is left to the next one.
    const known = judged.get(product) ?? new Set();
    for (const { hole } of settled.unsettled) known.add(`${hole.first}-${hole.last}`);
    judged.set(product, known);
    await open.guard(async () => {
      if (await applyAnswers(open, settled)) changed.push(open);
    });
  });
  return changed;
}

/** Settles the holes of all products together, in at most four rounds: the wait between two questions is shared. */
export async function settleHoles(context: RunContext, products: readonly OpenProduct[]): Promise<void> {
  const judged = new Map<string, Set<string>>();
  let open = products;
  for (let round = 1; round <= ROUNDS && open.length > 0; round++) {
    open = await settleRound(context, open, round, judged);
  }
}
