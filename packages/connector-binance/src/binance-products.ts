import { contractBreak } from '@schemahub/connector-kit';
import type { BudgetSpec, Product } from '@schemahub/core';
import { weightBudget } from './binance-policy.js';

/**
 * TRADING is online. BREAK, HALT and the like may end again, so they are offline; a delisted symbol disappears from the
 * catalogue in the end, and that closes it.
 */
export function parseProduct(value: unknown, url: string): Product {
  const { symbol, status, baseAsset, quoteAsset } = (value ?? {}) as Record<string, unknown>;
  if (typeof symbol !== 'string' || symbol === '') throw contractBreak('a catalogue row has no symbol', { url });
  // Never cut the symbol: ETHBTC and USDCUSDT do not say where (EXCHANGES §5).
  if (typeof baseAsset !== 'string' || typeof quoteAsset !== 'string' || baseAsset === '' || quoteAsset === '')
    throw contractBreak(`symbol ${symbol} does not say what is traded for what`, { url });
  return {
    id: symbol,
    symbol: `${baseAsset}-${quoteAsset}`,
    base: baseAsset,
    quote: quoteAsset,
    status: status === 'TRADING' ? 'online' : 'offline',
  };
}

/** The catalogue's rows, and the weight limit of the day where the reply tells it. */
export function parseExchangeInfo(
  value: unknown,
  url: string,
): {
  readonly products: readonly Product[];
  readonly weightPerMinute: number | undefined;
  readonly budget: BudgetSpec | undefined;
} {
  const { symbols, rateLimits } = (value ?? {}) as { symbols?: unknown; rateLimits?: unknown };
  if (!Array.isArray(symbols)) throw contractBreak('expected the catalogue with a list of symbols', { url });
  const limits = Array.isArray(rateLimits) ? (rateLimits as readonly Record<string, unknown>[]) : [];
  const found = limits.find((limit) => limit.rateLimitType === 'REQUEST_WEIGHT' && limit.interval === 'MINUTE');
  const perMinute = Number(found?.limit) / Number(found?.intervalNum ?? 1);
  return {
    products: symbols.map((row) => parseProduct(row, url)),
    weightPerMinute: perMinute >= 60 ? perMinute : undefined,
    budget: perMinute >= 60 ? weightBudget(perMinute) : undefined,
  };
}
