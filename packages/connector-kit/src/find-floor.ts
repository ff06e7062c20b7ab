import type { CallPriority, Clock, TradePage, WindowedConnector } from '@schemahub/core';
import { invalidOption } from './errors.js';

/** One question and its answer, as the evidence of a floor keeps it. */
export interface FloorEvidence {
  readonly request: string;
  /** Ids of the answer's rows, descending; of a window only the greatest and the least. */
  readonly ids: readonly number[];
  /** `Date` header, ms since 1970. */
  readonly date?: number | undefined;
}

export interface FindFloorOptions {
  readonly connector: Pick<WindowedConnector, 'gridSize' | 'fetchWindow' | 'fetchBelow' | 'probe'>;
  readonly product: string;
  /** Greatest id seen: the search ends there. */
  readonly head: number;
  /** Called when the first window is empty: the search goes on, one request after the other. */
  readonly onFirstEmpty?: (() => void) | undefined;
  readonly priority?: CallPriority | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ProvisionalFloor {
  /** The lowest id the venue has shown; undefined when it shows no trade at all up to the head. */
  readonly floor: number | undefined;
  /** The first window's page, when it held trades: keep it as data, it need not be asked again. */
  readonly page?: TradePage | undefined;
  readonly evidence: readonly FloorEvidence[];
}

export interface ConfirmFloorOptions extends Omit<FindFloorOptions, 'head'> {
  readonly floor: number;
  readonly clock: Clock;
  /** Between the two empty answers, ms. Default and least 5000 (SPEC §2) [a lagging replica]. */
  readonly waitMs?: number | undefined;
}

export interface ConfirmedFloor {
  /** Lower than the given one when a row appeared below it. */
  readonly floor: number;
  /**
   * Two empty answers below `floor`, `waitMs` apart and 5 s by the exchange's clock, the first over a fresh connection;
   * or the floor is 0.
   */
  readonly confirmed: boolean;
  readonly evidence: readonly FloorEvidence[];
}

const CONFIRM_WAIT_MS = 5000;

/**
 * Whether two answers are ≥ 5 s apart by the exchange's own clock (their `Date`, ms): what a certificate asks of every
 * pair that attests something. Our clock alone may be wrong, and a cache answers with the `Date` of its first time.
 */
export function areAnswersApart(first: number | undefined, second: number | undefined): boolean {
  return first !== undefined && second !== undefined && second - first >= CONFIRM_WAIT_MS;
}

/** How often a floor may give way before it is left unconfirmed for the next run. */
const CONFIRM_ROUNDS = 4;
const STEP_FACTOR = 10;

function checkId(option: string, id: number): void {
  if (!Number.isSafeInteger(id) || id < 0 || id === Number.MAX_SAFE_INTEGER)
    throw invalidOption(option, 'an id 0 … 2^53−2', id);
}

/** Asks what is greatest at or below `upTo`, and writes the question down. */
async function ask(
  options: Omit<FindFloorOptions, 'head'>,
  upTo: number,
  evidence: FloorEvidence[],
  freshConnection = false,
): Promise<readonly number[]> {
  const { priority, signal } = options;
  const answer = await options.connector.probe(options.product, upTo, { priority, signal, freshConnection });
  evidence.push({ request: answer.request, ids: answer.ids, date: answer.date });
  return answer.ids;
}

/**
 * The lowest id, as far as one look can tell: the lowest row of the first window (`after=1000&limit=1000`); if that is
 * empty, ten times further up each time, then bisection inside the last step. Two requests for an ordinary product, at
 * most about 60. Windows may be fetched from this floor on while `confirmFloor` settles it.
 */
export async function findProvisionalFloor(options: FindFloorOptions): Promise<ProvisionalFloor> {
  const { connector, product, head, priority, signal } = options;
  checkId('head', head);
  const window = { first: 0, last: Math.min(connector.gridSize - 1, head) };
  const page = await connector.fetchWindow(product, window, { priority, signal });
  const lowest = page.ids[0];
  const evidence: FloorEvidence[] = [
    { request: `ids 0 … ${window.last}`, ids: lowest === undefined ? [] : [page.ids.at(-1)!, lowest], date: page.date },
  ];
  if (lowest !== undefined) return { floor: lowest, page, evidence };
  // A venue that pages upwards has said where its history begins.
  if (page.nextAbove !== undefined && page.nextAbove <= head) return { floor: page.nextAbove, evidence };
  options.onFirstEmpty?.();
  let empty = window.last;
  let held: number | undefined;
  while (held === undefined && empty < head) {
    const upTo = Math.min(head, (empty + 1) * STEP_FACTOR - 1);
    const ids = await ask(options, upTo, evidence);
    if (ids.length === 0) empty = upTo;
    else held = ids.at(-1)!;
  }
  if (held === undefined) return { floor: undefined, evidence };
  while (held - empty > 1) {
    const middle = empty + Math.floor((held - empty) / 2);
    const ids = await ask(options, middle, evidence);
    if (ids.length === 0) empty = middle;
    else held = ids.at(-1)!;
  }
  return { floor: held, evidence };
}

/** Walks down from a row that appeared below the floor to the lowest one that is shown. */
async function descend(options: ConfirmFloorOptions, from: number): Promise<number> {
  const { connector, product, priority, signal } = options;
  let lowest = from;
  while (lowest > 0) {
    const rows = await connector.fetchBelow(product, lowest - 1, connector.gridSize, { priority, signal });
    const last = rows.at(-1);
    if (last === undefined) break;
    lowest = last.id;
  }
  return lowest;
}

/**
 * Settles a provisional floor: an empty answer below it, twice, ≥ 5 s apart. A row that appears meanwhile lowers the
 * floor and starts over; after four such rounds it is left unconfirmed. A floor is never raised.
 */
export async function confirmFloor(options: ConfirmFloorOptions): Promise<ConfirmedFloor> {
  const { clock, signal, waitMs = CONFIRM_WAIT_MS } = options;
  checkId('floor', options.floor);
  if (!Number.isFinite(waitMs) || waitMs < CONFIRM_WAIT_MS)
    throw invalidOption('waitMs', `a number ≥ ${CONFIRM_WAIT_MS}`, waitMs);
  const evidence: FloorEvidence[] = [];
  let { floor } = options;
  for (let round = 0; round < CONFIRM_ROUNDS && floor > 0; round++) {
    let rows = await ask(options, floor - 1, evidence, true);
    if (rows.length === 0) {
      await clock.sleep(waitMs, signal);
      rows = await ask(options, floor - 1, evidence);
      if (rows.length === 0) {
        const [first, second] = evidence.slice(-2);
        return { floor, confirmed: areAnswersApart(first?.date, second?.date), evidence };
      }
    }
    floor = await descend(options, rows.at(-1)!);
  }
  return { floor, confirmed: floor === 0, evidence };
}

/** Both steps in one: for callers that do nothing meanwhile. */
export async function findFloor(
  options: FindFloorOptions & { readonly clock: Clock; readonly waitMs?: number | undefined },
): Promise<ProvisionalFloor & { readonly confirmed: boolean }> {
  const provisional = await findProvisionalFloor(options);
  if (provisional.floor === undefined) return { ...provisional, confirmed: false };
  const settled = await confirmFloor({ ...options, floor: provisional.floor });
  return {
    floor: settled.floor,
    page: provisional.page,
    confirmed: settled.confirmed,
    evidence: [...provisional.evidence, ...settled.evidence],
  };
}
