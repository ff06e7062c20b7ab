import type { CoinbaseSim } from './coinbase-sim.js';

/** Headers that every request in the tests carries. */
export const agent: { readonly headers: { readonly 'user-agent': string } } = { headers: { 'user-agent': 'test/1' } };

export interface Row {
  readonly trade_id: number;
  readonly side: string;
  readonly size: string;
  readonly price: string;
  readonly time: string;
}

/** GET on the stand-in; any host will do. */
export function get(sim: CoinbaseSim, path: string, headers: Record<string, string> = {}): Promise<Response> {
  return sim.fetch(`https://api.exchange.coinbase.com${path}`, { headers: { ...agent.headers, ...headers } });
}

export async function getRows(sim: CoinbaseSim, path: string): Promise<Row[]> {
  return (await (await get(sim, path)).json()) as Row[];
}

export async function getIds(sim: CoinbaseSim, path: string): Promise<number[]> {
  return (await getRows(sim, path)).map((row) => row.trade_id);
}

/** high, high − 1, … low. */
export function descending(high: number, low: number): number[] {
  return Array.from({ length: high - low + 1 }, (_, i) => high - i);
}
