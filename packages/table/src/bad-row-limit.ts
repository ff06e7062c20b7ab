import { type RefusedSample, TableError } from './errors.js';
import { productKey, type RawProduct } from './raw-product.js';

/** Refused records that a run always bears. */
const ALWAYS_BORNE = 10;

/** Ends a run in which too many records are refused: more than 10 and more than a share of all. */
export interface BadRowLimit {
  /** A product is read (again) from its first block. */
  readonly restart: (product: RawProduct) => void;
  /** `refused` of the block so far. Throws `TableError` `too-many-bad` as soon as no further record can save the run. */
  readonly check: (
    product: RawProduct,
    block: number,
    refused: number,
    samples: () => readonly RefusedSample[],
  ) => void;
  /** At the end, against the records that were really read. */
  readonly finish: (records: number, samples: () => readonly RefusedSample[]) => void;
}

/** `maxShare`: 0.001 for 0.1 %. `mostRecords`: records that the run can meet at most. */
export function createBadRowLimit(options: { readonly maxShare: number; readonly mostRecords: number }): BadRowLimit {
  const { maxShare, mostRecords } = options;
  if (!(maxShare >= 0 && maxShare <= 1)) {
    throw new TableError('invalid-option', `maxBad: expected a share of 0 … 1 (0.001 for 0.1 %), got ${maxShare}.`);
  }
  const byProduct = new Map<string, Map<number, number>>();
  const refusedInAll = (): number =>
    [...byProduct.values()].flatMap((blocks) => [...blocks.values()]).reduce((sum, refused) => sum + refused, 0);
  const requireFew = (records: number, samples: () => readonly RefusedSample[]): void => {
    const refused = refusedInAll();
    if (refused <= ALWAYS_BORNE || refused <= maxShare * records) return;
    const first = samples();
    throw new TableError(
      'too-many-bad',
      `The mapping refused ${refused} of at most ${records} records; a run bears ${ALWAYS_BORNE}, or ${maxShare * 100} % of them. Nothing was committed. ` +
        `The first: ${first
          .slice(0, 3)
          .map(({ object, line, reason }) => `${object} line ${line}: ${reason}`)
          .join('; ')}. Correct the mapping, or allow more with --max-bad.`,
      { samples: first },
    );
  };
  return {
    restart: (product) => {
      byProduct.set(productKey(product), new Map());
    },
    check: (product, block, refused, samples) => {
      byProduct.get(productKey(product))!.set(block, refused);
      requireFew(mostRecords, samples);
    },
    finish: requireFew,
  };
}
