import { createHash } from 'node:crypto';
import { checkProduct } from '@schemahub/audit';
import {
  evaluate,
  type Measured,
  type ProductFacts,
  type QualityResult,
  type QualityRow,
  qualitySql,
  readQualityRows,
} from '@schemahub/data-quality';
import type { Snapshot } from '@schemahub/lake';
import type { QueryEngine } from '@schemahub/query';
import { gatherAudit } from './audit.js';
import { readDayBefore } from './certificates.js';
import type { Config } from './config.js';
import type { OpenLake } from './lake.js';
import type { TableFacts } from './quality-metrics.js';
import { openQuery } from './query.js';

const SAMPLES = 5;

/** From commits, evidence and raw names, as the certificate: a checkpoint that is gone or damaged changes no count. */
async function factsOf(lake: OpenLake, config: Config): Promise<(ProductFacts & { readonly productId: string })[]> {
  const { table, products } = await gatherAudit({ lake, config, quick: true });
  return products.map((product) => {
    const { account, list } = checkProduct(product, table);
    return {
      productId: product.productId,
      exchange: product.exchange.toUpperCase(),
      symbol: product.evidence.symbol ?? list?.symbol ?? product.productId,
      present: list?.present.count ?? 0,
      wanted: account.wanted.count,
      missing: account.missing.count,
      void: account.void.count,
      quarantined: account.quarantined.count,
      active: product.evidence.closed === undefined,
    };
  });
}

/** Files of the commit that are absent or differ: by size, and with `full` by sha256. */
async function filesAgainstCommit(lake: OpenLake, snapshot: Snapshot | undefined, full: boolean): Promise<Measured> {
  const wrong: string[] = [];
  const sizes = new Map<string, number>();
  for await (const { key, size } of lake.store.list(`${lake.layout.unified}v`)) sizes.set(key, size);
  for (const file of snapshot?.products.flatMap(({ files }) => files) ?? []) {
    const size = sizes.get(file.path);
    if (size !== file.bytes)
      wrong.push(`${file.path}: ${size === undefined ? 'absent' : `${size} bytes, the commit says ${file.bytes}`}`);
    else if (full) {
      const stored = await lake.store.get(file.path);
      const sha256 = createHash('sha256')
        .update(stored?.bytes ?? new Uint8Array())
        .digest('hex');
      if (sha256 !== file.sha256) wrong.push(`${file.path}: its sha256 is not the commit's`);
    }
  }
  return { count: wrong.length, sample: wrong.slice(0, SAMPLES) };
}

async function rowsOf(engine: QueryEngine, sql: string): Promise<QualityRow[]> {
  const { columns, rows } = await engine.run(sql);
  const found: QualityRow[] = [];
  for await (const batch of rows) {
    for (const row of batch) found.push(Object.fromEntries(columns.map(({ name }, i) => [name, row[i]])));
  }
  return found;
}

/** What the metrics say beside the judgement: from commits and evidence of now, and the certificate of a day ago. */
async function tableFacts(
  { store, layout }: OpenLake,
  nowMs: number,
  products: Awaited<ReturnType<typeof factsOf>>,
  snapshot: Snapshot | undefined,
): Promise<TableFacts> {
  const sum = (value: (product: ProductFacts) => number): number =>
    products.reduce((total, product) => total + value(product), 0);
  const files = snapshot?.products.flatMap((product) => product.files) ?? [];
  return {
    wanted: sum(({ wanted }) => wanted),
    void: sum((product) => product.void),
    inTable: sum(({ present }) => present),
    inTableDayBefore: (await readDayBefore({ store, layout, nowMs }))?.totals.in_table,
    bytes: files.reduce((total, { bytes }) => total + bytes, 0),
    products: products.map(({ exchange, productId, wanted, missing }) => ({
      exchange: exchange.toLowerCase(),
      id: productId,
      wanted,
      missing,
    })),
  };
}

/** Runs every check on the committed table and judges it. */
export async function runQuality(options: {
  readonly lake: OpenLake;
  readonly config: Config;
  readonly full: boolean;
}): Promise<{ readonly result: QualityResult; readonly facts: TableFacts }> {
  const { lake, config, full } = options;
  const nowMs = Math.floor(lake.clock.now());
  const { engine, snapshot } = await openQuery({ lake });
  try {
    const rows: Record<string, QualityRow[]> = {};
    for (const { name, sql } of qualitySql({ dialect: 'duckdb', full, nowMs })) rows[name] = await rowsOf(engine, sql);
    const products = await factsOf(lake, config);
    const summary = readQualityRows({
      rows,
      products,
      nowMs,
      filesAgainstCommit: await filesAgainstCommit(lake, snapshot, full),
    });
    const result = evaluate(summary, { staleMinutes: config.number('stale-minutes') });
    return { result, facts: await tableFacts(lake, nowMs, products, snapshot) };
  } finally {
    await engine.close();
  }
}
