import type { CallPriority, TradeFacts, WindowedConnector } from '@schemahub/core';
import { invalidOption } from './errors.js';
import { parseTradeTime } from './trade-time.js';

export interface SeekTimeOptions {
  readonly connector: Pick<WindowedConnector, 'fetchBelow' | 'gridSize'>;
  readonly product: string;
  /** The instant looked for, microseconds since 1970 UTC. */
  readonly micros: number;
  /** An id at or below the product's first trade. */
  readonly floor: number;
  /** The newest trade, as `fetchHead` gave it. */
  readonly head: TradeFacts;
  /** When a trade happened. Default: its `ts` read as RFC 3339. */
  readonly microsOf?: ((trade: TradeFacts) => number) | undefined;
  readonly priority?: CallPriority | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface SeekTimeResult {
  /** The lowest existing trade id with time ≥ the instant; head + 1 when there is none. */
  readonly id: number;
  /** Calls of `fetchBelow`. */
  readonly requests: number;
}

/** A known point: every trade ≤ `id` is before the instant (low end), or the trade `id` is not (high end). */
interface Bound {
  readonly id: number;
  readonly micros: number | undefined;
}

interface Bracket {
  readonly low: Bound;
  readonly high: Bound;
}

/** How far the search has come: it must not fall behind bisection. */
interface Pace {
  readonly pageSize: number;
  readonly firstSpan: number;
  readonly step: number;
}

/** Steps that the search may take beyond bisection's. */
const SLACK_STEPS = 1;
/** Share of the first bracket by which an interpolation is drawn towards the middle, so that both ends close in. */
const TRUNCATION = 0.2;

/**
 * The next id to ask below, by the ITP rule (Oliveira and Takahashi, "An Enhancement of the Bisection Method Average
 * Performance Preserving Minmax Optimality", 2020): interpolate in time, draw that towards the middle, and never stray
 * further from the middle than leaves bisection's worst case. Half a page is added, as the answer reaches downwards.
 */
function nextGuess(bracket: Bracket, micros: number, pace: Pace): number {
  const { low, high } = bracket;
  const span = high.id - low.id;
  if (span - 1 <= pace.pageSize) return high.id - 1;
  const middle = span / 2;
  const known = low.micros !== undefined && high.micros !== undefined && high.micros > low.micros;
  const interpolated = known ? (span * (micros - low.micros)) / (high.micros - low.micros) : middle;
  const inwards = Math.sign(middle - interpolated);
  const drawn = Math.min(Math.abs(middle - interpolated), (TRUNCATION * span * span) / pace.firstSpan);
  const allowedSteps = Math.ceil(Math.log2(pace.firstSpan / pace.pageSize)) + SLACK_STEPS - pace.step;
  const radius = Math.max(0, (pace.pageSize / 2) * 2 ** allowedSteps - middle);
  const distance = Math.min(radius, Math.abs(middle - interpolated) - drawn);
  const guess = low.id + Math.floor(middle - inwards * distance + pace.pageSize / 2);
  return Math.min(high.id - 1, Math.max(low.id + 1, guess));
}

/** What a page below `asked` says about the instant: a narrower bracket, and whether its high end is the answer. */
function narrow(
  bracket: Bracket,
  asked: number,
  page: readonly TradeFacts[],
  options: { micros: number; microsOf: (trade: TradeFacts) => number },
): { readonly bracket: Bracket; readonly found: boolean } {
  let high = bracket.high;
  let before: number | undefined;
  for (const trade of page) {
    if (trade.id <= bracket.low.id) break;
    const micros = options.microsOf(trade);
    if (micros >= options.micros) high = { id: trade.id, micros };
    else before ??= micros;
  }
  const lowest = page.at(-1)?.id ?? bracket.low.id;
  if (high.id === bracket.high.id) {
    // Nothing at or after the instant up to `asked`: the low end comes up to it.
    return {
      bracket: { low: { id: asked, micros: before ?? bracket.low.micros }, high },
      found: asked + 1 === high.id,
    };
  }
  return { bracket: { low: bracket.low, high }, found: before !== undefined || lowest <= bracket.low.id };
}

/**
 * The first trade at or after an instant, by interpolation over pages that never falls behind bisection: among 10^9 ids
 * at most 24 requests; fewer than eight on average among 200,000. Holes of any width, void ends and equal times are fine: every answer is "the greatest
 * trades ≤ an id", so it never matters whether the id itself exists. Times must not fall as ids rise (they do not in
 * any recording); where they do, the answer is one of the crossings.
 */
export async function seekTime(options: SeekTimeOptions): Promise<SeekTimeResult> {
  const { connector, product, micros, floor, head, priority, signal } = options;
  const microsOf = options.microsOf ?? ((trade: TradeFacts) => parseTradeTime(trade.ts).micros);
  if (!Number.isSafeInteger(micros)) throw invalidOption('micros', 'whole microseconds since 1970', micros);
  if (!Number.isSafeInteger(floor) || floor < 0 || floor > head.id)
    throw invalidOption('floor', `an id 0 … ${head.id}`, floor);
  const headMicros = microsOf(head);
  if (headMicros < micros) return { id: head.id + 1, requests: 0 };
  let requests = 0;
  const below = (upTo: number, limit: number): Promise<readonly TradeFacts[]> => {
    requests++;
    return connector.fetchBelow(product, upTo, limit, { priority, signal });
  };
  const [first] = floor < head.id ? await below(floor, 1) : [head];
  if (first !== undefined && microsOf(first) >= micros) return { id: first.id, requests };
  let bracket: Bracket = {
    // Either the trade at the floor is before the instant, or there is no trade at or below it.
    low: { id: floor, micros: first && microsOf(first) },
    high: { id: head.id, micros: headMicros },
  };
  const firstSpan = head.id - floor;
  for (let step = 0; bracket.high.id - bracket.low.id > 1; step++) {
    const asked = nextGuess(bracket, micros, { pageSize: connector.gridSize, firstSpan, step });
    const limit = Math.min(connector.gridSize, asked - bracket.low.id);
    const narrower = narrow(bracket, asked, await below(asked, limit), { micros, microsOf });
    bracket = narrower.bracket;
    if (narrower.found) break;
  }
  return { id: bracket.high.id, requests };
}
