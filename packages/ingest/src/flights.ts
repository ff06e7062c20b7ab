/** What the exchange takes and how long it takes, as the transport sees it. */
export interface Load {
  /** Requests a second that the limiter lets through now; Infinity where products have budgets of their own. */
  readonly requestsPerSecond: number;
  /** Mean time of the latest requests from their sending to the last byte; undefined before the first. */
  readonly latencySeconds: number | undefined;
}

/** Above the mean, because latencies vary: with 1.33 a lognormal latency (sigma 0.5) still reached the whole rate (measured). */
const HEADROOM = 1.5;
/** Requests that wait at the limiter, so that no token finds nobody. */
const SPARE = 2;

/**
 * How many requests to have in hand: Little's law, rate × latency, with some to spare, at most `limit`. More would only
 * wait at the limiter; fewer would leave it idle.
 */
export function requestsInHand({ requestsPerSecond, latencySeconds }: Load, limit: number): number {
  if (latencySeconds === undefined) return limit;
  const needed = Math.ceil(requestsPerSecond * latencySeconds * HEADROOM) + SPARE;
  return Math.max(1, Math.min(limit, needed));
}

/** Requests in hand of one run, over all its products: sent, or about to be. */
export interface Flights {
  /** Counts `weight` requests until the returned function is called; calling that twice does no harm. */
  readonly begin: (weight?: number) => () => void;
  /** A product that is going to send windows. */
  readonly join: () => FlightMember;
  /** More could be in hand, and no product that has joined wants it: another product may begin. */
  readonly isIdle: () => boolean;
  /** Resolves at the next change of anybody's. */
  readonly changed: () => Promise<void>;
}

export interface FlightMember {
  /**
   * Says what it has to send, and learns whether it may send one now: `ready` has its place in the byte budget, `more`
   * will come. Only what is ready holds others back, so that nobody waits for one that waits for its bytes.
   */
  readonly ask: (wish: { readonly ready: boolean; readonly more: boolean }) => boolean;
  readonly begin: () => () => void;
  readonly leave: () => void;
}

interface Share {
  inHand: number;
  ready: boolean;
  more: boolean;
}

/** Shares `limit()` requests among products: what one does not want is free for the others, the one with fewest goes first. */
export function createFlights(limit: () => number): Flights {
  const members = new Set<Share>();
  let total = 0;
  let notify: () => void = () => {};
  let change = new Promise<void>((resolve) => {
    notify = resolve;
  });
  const tell = (): void => {
    notify();
    change = new Promise((resolve) => {
      notify = resolve;
    });
  };
  const count = (share: Share | undefined, weight: number): (() => void) => {
    total += weight;
    if (share !== undefined) share.inHand += weight;
    // Also a beginning is news: another product may now be the one with fewest.
    tell();
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      total -= weight;
      if (share !== undefined) share.inHand -= weight;
      tell();
    };
  };

  return {
    begin: (weight = 1) => count(undefined, weight),
    join: () => {
      const own: Share = { inHand: 0, ready: false, more: true };
      members.add(own);
      return {
        ask: ({ ready, more }) => {
          const rests = (own.ready && !ready) || (own.more && !more);
          Object.assign(own, { ready, more });
          if (rests) tell();
          if (!ready || total >= limit()) return false;
          return ![...members].some((other) => other.ready && other.inHand < own.inHand);
        },
        begin: () => count(own, 1),
        leave: () => {
          members.delete(own);
          tell();
        },
      };
    },
    isIdle: () => total < limit() && ![...members].some(({ ready, more }) => ready || more),
    changed: () => change,
  };
}
