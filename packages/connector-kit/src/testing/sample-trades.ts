import type { Product, TradeFacts } from '@schemahub/core';

/** Texts that a parse-and-print would change: trailing zeros, tiny values, more digits than a double holds. */
const PRICES = ['84429.83000000', '0.00000008', '1716.1234500', '9042.88', '123456789.123456789012', '1e-7'];
const QUANTITIES = ['0.00000008', '0.06420418', '1.00', '2.2285', '1008.2', '0.1'];
/** Fractions as the venue strips them: 0 to 6 digits. */
const FRACTIONS = ['', '.7', '.77', '.353', '.6102', '.44524', '.610277'];

/** A product whose catalogue row every dialect can write. */
export function sampleProduct(id: string, status: Product['status'] = 'online'): Product {
  const [base = id, quote = ''] = id.split('-');
  return { id, symbol: id, base, quote, status };
}

/** One trade a second from 2026-09-27T00:00:00Z on, counted by id, with every odd text in turn. */
export function sampleTrade(id: number): TradeFacts {
  const second = new Date(Date.UTC(2026, 8, 27) + (id % 1_000_000) * 1000).toISOString().slice(0, 19);
  return {
    id,
    ts: `${second}${FRACTIONS[id % FRACTIONS.length]!}Z`,
    side: id % 3 === 0 ? 'sell' : 'buy',
    price: PRICES[id % PRICES.length]!,
    quantity: QUANTITIES[(id + 1) % QUANTITIES.length]!,
  };
}

/** Trades with the ids `first` … `last` of every pair, ascending. */
export function sampleTrades(...ranges: readonly (readonly [first: number, last: number])[]): readonly TradeFacts[] {
  return ranges.flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, at) => sampleTrade(first + at)),
  );
}
