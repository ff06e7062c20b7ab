import { contractBreak } from '@schemahub/connector-kit';
import type { Product } from '@schemahub/core';

/** Kraken's names of assets that the rest of the world calls otherwise (EXCHANGES §3.4). */
const ALIASES: Readonly<Record<string, string>> = {
  XBT: 'BTC',
  XDG: 'DOGE',
  LUNA: 'LUNC',
  LUNA2: 'LUNA',
  UST: 'USTC',
  REP: 'REPV1',
  REPV2: 'REP',
  FEE: 'KFEE',
};

/**
 * The old four-letter codes, one by one: XTZ, ZRX, XCN and ZEC begin with the same letters and are no such codes.
 * Needed where a row has no `wsname` (2017).
 */
const OLD_CODES: Readonly<Record<string, string>> = {
  XETC: 'ETC',
  XETH: 'ETH',
  XICN: 'ICN',
  XLTC: 'LTC',
  XMLN: 'MLN',
  XREP: 'REP',
  XXBT: 'XBT',
  XXDG: 'XDG',
  XXLM: 'XLM',
  XXMR: 'XMR',
  XXRP: 'XRP',
  XZEC: 'ZEC',
  ZAUD: 'AUD',
  ZCAD: 'CAD',
  ZEUR: 'EUR',
  ZGBP: 'GBP',
  ZJPY: 'JPY',
  ZUSD: 'USD',
};

function canonical(code: string): string {
  const name = OLD_CODES[code] ?? code;
  return ALIASES[name] ?? name;
}

/** A dark pool: its trades are not in the public feed. */
function isDarkPool(altname: string): boolean {
  return altname.endsWith('.d');
}

function parsePair(key: string, value: unknown, url: string): Product | undefined {
  const { altname, wsname, base, quote, status } = (value ?? {}) as Record<string, unknown>;
  const id = typeof altname === 'string' && altname !== '' ? altname : key;
  if (isDarkPool(id) || isDarkPool(key)) return undefined;
  const [left, right] = typeof wsname === 'string' ? wsname.split('/') : [base, quote];
  if (typeof left !== 'string' || typeof right !== 'string' || left === '' || right === '')
    throw contractBreak(`pair ${key} does not say what is traded for what`, { url });
  const [from, to] = [canonical(left), canonical(right)];
  // A pair that is gone disappears from the list; one without a status (before 2022) is online.
  const isOnline = status === undefined || status === 'online';
  return { id, symbol: `${from}-${to}`, base: from, quote: to, status: isOnline ? 'online' : 'offline' };
}

/** The pairs of an AssetPairs reply; dark pools are left out. */
export function parsePairs(result: unknown, url: string): readonly Product[] {
  if (typeof result !== 'object' || result === null) throw contractBreak('expected the pairs by name', { url });
  return Object.entries(result).flatMap(([key, value]) => parsePair(key, value, url) ?? []);
}
