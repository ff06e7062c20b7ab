/**
 * The id of a trade from a JSON number or text: a canonical decimal 0 … 2^53−1, else undefined.
 * Coinbase has sent both (EXCHANGES §1.1). A number beyond 2^53 has lost digits by the time we see it: refused.
 */
export function parseTradeId(value: unknown): number | undefined {
  if (typeof value === 'number')
    return Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0) ? value : undefined;
  if (typeof value !== 'string' || !/^(0|[1-9]\d{0,15})$/.test(value)) return undefined;
  const id = Number(value);
  return Number.isSafeInteger(id) ? id : undefined;
}
