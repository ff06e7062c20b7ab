import { RangeSet } from '@schemahub/coverage';
import type { SimTrade } from '@schemahub/exchange-sim';
import type { Sim } from './venues.js';

/** What the exchange has traded: the only witness against the lake. */
export interface Truth {
  /** Ids that ever had a trade, up to now. */
  readonly issued: (product: string) => RangeSet;
  /** Ids that it serves now. */
  readonly served: (product: string) => RangeSet;
  readonly trade: (product: string, id: number) => SimTrade | undefined;
  /** Ids that were void once and got a trade later. */
  readonly filled: (product: string) => RangeSet;
  readonly trim: (product: string, floor: number) => void;
  readonly fill: (product: string, range: { readonly first: number; readonly last: number }) => void;
}

interface Known {
  floor: number;
  issued: RangeSet;
  filled: RangeSet;
  readonly trades: Map<number, SimTrade>;
}

export function createTruth(sim: Sim, products: readonly { readonly id: string; readonly firstId: number }[]): Truth {
  const known = new Map<string, Known>(
    products.map(({ id, firstId }) => [
      id,
      { floor: firstId, issued: RangeSet.empty, filled: RangeSet.empty, trades: new Map() },
    ]),
  );
  const of = (product: string): Known => {
    const found = known.get(product);
    if (found === undefined) throw new Error(`the exchange never had a product ${product}`);
    return found;
  };
  const served = (product: string): RangeSet => {
    const head = sim.control.headOf(product);
    const { floor } = of(product);
    if (head === undefined || head < floor) return RangeSet.empty;
    return RangeSet.of(floor, head).difference(RangeSet.fromRanges(sim.control.voidsOf(product)));
  };
  const issued = (product: string): RangeSet => {
    const one = of(product);
    const now = served(product);
    if (!now.difference(one.issued).isEmpty) one.issued = one.issued.union(now);
    return one.issued;
  };
  const trade = (product: string, id: number): SimTrade | undefined => {
    const { trades } = of(product);
    const held = trades.get(id);
    if (held !== undefined) return held;
    for (const found of sim.control.tradesOf(product, { first: id, last: id })) trades.set(id, found);
    return trades.get(id);
  };
  return {
    issued,
    served,
    trade,
    filled: (product) => of(product).filled,
    // What was trimmed never comes back.
    trim: (product, lowest) => {
      issued(product);
      const floor = Math.max(of(product).floor, lowest);
      for (const found of sim.control.tradesOf(product, { last: floor - 1 })) of(product).trades.set(found.id, found);
      of(product).floor = floor;
      sim.control.trim(product, floor);
    },
    fill: (product, range) => {
      sim.control.fillVoids(product, [range]);
      of(product).filled = of(product).filled.union(RangeSet.of(range.first, range.last));
    },
  };
}
