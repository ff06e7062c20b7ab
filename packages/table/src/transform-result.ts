import { RangeSet } from '@schemahub/coverage';
import type { Snapshot } from '@schemahub/lake';
import type { ScanReport } from '@schemahub/mapping-engine';
import type { LeftCell, ProductCounts, RederivedBlock } from './block-work.js';
import type { Committed } from './commit-loop.js';
import type { ConflictSample } from './dedupe.js';
import type { DerivedProduct } from './derive-product.js';
import type { RefusedSample } from './errors.js';
import type { ProductPlan } from './plan-transform.js';
import type { RawProduct } from './raw-product.js';
import type { UnreadableObject } from './scan-object.js';
import type { StageReport } from './stopwatch.js';

/** One product of a run. */
export interface ProductReport extends ProductCounts {
  readonly exchange: string;
  readonly productId: string;
  readonly source: string;
  /** Ids that the run was to add: fetched − present − quarantined. */
  readonly newIds: RangeSet;
  readonly blocks: number;
  /** Raw objects to read; one that lies in two blocks counts twice. */
  readonly objects: number;
  readonly files: number;
  readonly bytes: number;
  /** Ids added to the table, and ids whose records were refused. */
  readonly added: RangeSet;
  readonly quarantined: RangeSet;
}

/** What the raw records of one source had that the mapping does not know, or lacked that it reads. */
export interface FieldReport {
  readonly source: string;
  readonly newFields: readonly string[];
  readonly vanishedFields: readonly string[];
  /** Decimal texts that their DOUBLE does not give back. */
  readonly inexactDecimals: number;
  /** Lines that took the slow way. */
  readonly slowLines: number;
}

export interface TransformResult {
  /** The table after the run; undefined in a lake without commits. */
  readonly snapshot: Snapshot | undefined;
  /** Number of the commit made; undefined when there was nothing to do. */
  readonly commit: number | undefined;
  readonly products: readonly ProductReport[];
  /**
   * Something that is wanted was not there to be carried, as the raw layer is now: the commit may be older than what has
   * settled since [a hole that was attested brings no row and so no commit].
   */
  readonly isPartial: boolean;
  readonly totals: ProductCounts;
  /** Damaged ones are to be condemned; nothing of them is in the table. */
  readonly unreadable: readonly UnreadableObject[];
  /** First conflicts: ids with records that tell different trades. */
  readonly conflictSamples: readonly ConflictSample[];
  readonly refusedSamples: readonly RefusedSample[];
  readonly quarantineKeys: readonly string[];
  /** Cells that were to be joined or derived again and are as they were. */
  readonly left: readonly LeftCell[];
  readonly fields: readonly FieldReport[];
  readonly stages: readonly StageReport[];
}

/** Gathers the result of one planning; a new one is begun when the run plans again. */
export interface TransformReport {
  readonly addProduct: (derived: DerivedProduct) => void;
  readonly addRederived: (block: RederivedBlock) => void;
  readonly totals: () => ProductCounts;
  readonly refusedSamples: () => readonly RefusedSample[];
  readonly quarantineKeys: () => readonly string[];
  readonly unreadableProducts: () => ReadonlySet<RawProduct>;
  readonly finish: (committed: Committed, stages: readonly StageReport[]) => TransformResult;
}

const MAX_SAMPLES = 10;

export function createTransformReport(plans: readonly ProductPlan[]): TransformReport {
  const derived: DerivedProduct[] = [];
  const blocks: RederivedBlock[] = [];
  const sum = (member: keyof ProductCounts): number => derived.reduce((all, { counts }) => all + counts[member], 0);
  const totals = (): ProductCounts => ({
    rows: sum('rows'),
    dropped: sum('dropped'),
    duplicates: sum('duplicates'),
    conflicts: sum('conflicts'),
    refused: sum('refused'),
  });
  const refusedSamples = (): RefusedSample[] =>
    derived.flatMap((product) => product.refusedSamples).slice(0, MAX_SAMPLES);
  const quarantineKeys = (): string[] => derived.flatMap((product) => product.quarantineKeys);
  return {
    addProduct: (product) => {
      derived.push(product);
    },
    addRederived: (block) => {
      blocks.push(block);
    },
    totals,
    refusedSamples,
    quarantineKeys,
    unreadableProducts: () =>
      new Set(derived.filter(({ unreadable }) => unreadable.length > 0).map(({ product }) => product)),
    finish: (committed, stages) => ({
      ...committed,
      products: plans.map((plan) =>
        productReport(
          plan,
          derived.find(({ product }) => product === plan.product),
        ),
      ),
      isPartial: isPartial(plans.map(({ product }) => product)),
      totals: totals(),
      unreadable: uniqueObjects([...derived, ...blocks].flatMap(({ unreadable }) => unreadable)),
      conflictSamples: derived.flatMap(({ conflictSamples }) => conflictSamples).slice(0, MAX_SAMPLES),
      refusedSamples: refusedSamples(),
      quarantineKeys: quarantineKeys(),
      left: blocks.flatMap(({ left }) => left),
      fields: fieldReports(derived),
      stages,
    }),
  };
}

/** A source of which something is held and something that is wanted is not. */
function isPartial(products: readonly RawProduct[]): boolean {
  const held = new Set(products.filter(({ state }) => state !== 'absent').map(({ source }) => source));
  return products.some(({ source, state }) => state !== 'complete' && held.has(source));
}

/** Each object once, however many blocks met it. */
export function uniqueObjects(objects: readonly UnreadableObject[]): UnreadableObject[] {
  return [...new Map(objects.map((object) => [object.key, object])).values()];
}

const NO_COUNTS: ProductCounts = { rows: 0, dropped: 0, duplicates: 0, conflicts: 0, refused: 0 };

function productReport({ product, newIds, blocks }: ProductPlan, derived: DerivedProduct | undefined): ProductReport {
  return {
    exchange: product.exchange,
    productId: product.productId,
    source: product.source,
    newIds,
    blocks: blocks.length,
    objects: blocks.reduce((sum, { names }) => sum + names.length, 0),
    files: derived?.files.length ?? 0,
    bytes: derived?.files.reduce((sum, { bytes }) => sum + bytes, 0) ?? 0,
    added: derived?.ids ?? RangeSet.empty,
    quarantined: derived?.quarantined ?? RangeSet.empty,
    ...(derived?.counts ?? NO_COUNTS),
  };
}

function fieldReports(derived: readonly DerivedProduct[]): FieldReport[] {
  const bySource = new Map<string, ScanReport[]>();
  for (const { product, scans } of derived) {
    const seen = scans.filter(({ rows, refused, slowLines }) => rows > 0 || refused.length > 0 || slowLines > 0);
    bySource.set(product.source, [...(bySource.get(product.source) ?? []), ...seen]);
  }
  return [...bySource.entries()].map(([source, scans]) => ({
    source,
    newFields: [...new Set(scans.flatMap(({ newFields }) => newFields))].sort(),
    // Vanished is what no record of the whole run had.
    vanishedFields: (scans[0]?.vanishedFields ?? []).filter((field) =>
      scans.every(({ vanishedFields }) => vanishedFields.includes(field)),
    ),
    inexactDecimals: scans.reduce((sum, { inexactDecimals }) => sum + inexactDecimals, 0),
    slowLines: scans.reduce((sum, { slowLines }) => sum + slowLines, 0),
  }));
}
