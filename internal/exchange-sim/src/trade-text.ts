/** One trade as the exchange prints it. `side` is the maker's, as in the payload; the taker's is the other one. */
export interface SimTrade {
  readonly id: number;
  readonly side: 'buy' | 'sell';
  readonly price: string;
  readonly size: string;
  readonly time: string;
}

/** `units / 10^decimals` with exactly eight decimals, as Coinbase prints prices and sizes. */
export function eightDecimals(units: number, decimals: number): string {
  const digits = String(units).padStart(decimals + 1, '0');
  const point = digits.length - decimals;
  return `${digits.slice(0, point)}.${digits.slice(point).padEnd(8, '0')}`;
}

/** Prints µs since 1970 as RFC 3339 with trailing zeros stripped: 0 to 6 digits, none on a whole second. */
export function createTimePrinter(): (timeUs: number) => string {
  let second = Number.NaN;
  let prefix = '';
  return (timeUs) => {
    const whole = Math.floor(timeUs / 1_000_000);
    if (whole !== second) {
      second = whole;
      prefix = new Date(whole * 1000).toISOString().slice(0, 19);
    }
    const fraction = timeUs - whole * 1_000_000;
    if (fraction === 0) return `${prefix}Z`;
    let end = 6;
    const digits = String(fraction).padStart(6, '0');
    while (digits.charCodeAt(end - 1) === 48) end -= 1;
    return `${prefix}.${digits.slice(0, end)}Z`;
  };
}

/** The row of GET /products/{id}/trades, members in the order recorded in 2026. */
export function tradeRow(trade: SimTrade): string {
  return `{"trade_id":${trade.id},"side":"${trade.side}","size":"${trade.size}","price":"${trade.price}","time":"${trade.time}"}`;
}
