import type { RangeSet } from '@schemahub/coverage';
import type { FileList, RawName } from '@schemahub/lake';

/** What the raw layer holds of one product: plain data, so that nothing here depends on checkpoints. */
export interface RawProduct {
  /** Lower case: `coinbase`. The column holds it in upper case. */
  readonly exchange: string;
  readonly productId: string;
  /** Canonical BASE-QUOTE; every row must say the same. */
  readonly symbol: string;
  /** Raw table and name of its mapping: `raw_coinbase_trades`. */
  readonly source: string;
  /** Its sound raw objects; condemned ones left out. */
  readonly names: readonly RawName[];
  /** Ids that those objects hold, exactly. */
  readonly fetched: RangeSet;
  /** Greatest id that was wanted; kept in the commit. */
  readonly wantedEnd?: number | undefined;
  /** How far it was fetched; kept in the commit. */
  readonly state: 'complete' | 'partial' | 'absent';
}

/** Products as they are, or how to read them: a run whose base moved asks again, so that it misses nothing new. */
export type ProductsInput = readonly RawProduct[] | (() => Promise<readonly RawProduct[]>);

export async function resolveProducts(input: ProductsInput): Promise<readonly RawProduct[]> {
  return typeof input === 'function' ? await input() : input;
}

/** The product's name in messages and maps. */
export function productKey(product: { readonly exchange: string; readonly productId: string }): string {
  return `${product.exchange} ${product.productId}`;
}

/** The source of a committed product: its raw table. */
export function sourceOfList(list: FileList, products: readonly RawProduct[]): string {
  const known = products.find(({ exchange }) => exchange === list.exchange);
  return known?.source ?? `raw_${list.exchange}_trades`;
}
