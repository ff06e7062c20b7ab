import { createHash } from 'node:crypto';
import { account, wantedIds } from '@schemahub/coverage';
import {
  evaluate,
  type Measured,
  type ProductFacts,
  type QualityResult,
  type QualityRow,
  qualitySql,
  readQualityRows,
} from '@schemahub/data-quality';
import { fileListOf, type Snapshot } from '@schemahub/lake';
import type { QueryEngine } from '@schemahub/query';
import type { Config } from './config.js';
import { lakeProducts, type OpenLake } from './lake.js';
import { openQuery } from './query.js';

const SAMPLES = 5;

async function factsOf(lake: OpenLake, snapshot: Snapshot | undefined): Promise<ProductFacts[]> {
  const facts: ProductFacts[] = [];
  for (const { exchange, productId } of await lakeProducts(lake)) {
    const checkpoint = await lake.checkpoints.read(exchange, productId);
    if (checkpoint === undefined) continue;
    const list = fileListOf(snapshot, exchange, productId);
    const wanted = wantedIds({ asked: checkpoint.asked, floor: checkpoint.floor, head: checkpoint.head?.id });
    const sums = account({
      wanted,
      present: list?.present ?? wanted.difference(wanted),
      quarantined: list?.quarantined ?? wanted.difference(wanted),
      void: checkpoint.void,
      raw: checkpoint.fetched,
    });
    facts.push({
      exchange: exchange.toUpperCase(),
      symbol: checkpoint.symbol ?? productId,
      present: list?.present.count ?? 0,
      wanted: wanted.count,
      missing: sums.missing.count,
      void: sums.void.count,
      quarantined: list?.quarantined.count ?? 0,
      active: checkpoint.closed === undefined,
    });
  }
  return facts;
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

/** Runs every check on the committed table and judges it. */
export async function runQuality(options: {
  readonly lake: OpenLake;
  readonly config: Config;
  readonly full: boolean;
}): Promise<QualityResult> {
  const { lake, config, full } = options;
  const nowMs = Math.floor(lake.clock.now());
  const { engine, snapshot } = await openQuery({ lake });
  try {
    const rows: Record<string, QualityRow[]> = {};
    for (const { name, sql } of qualitySql({ dialect: 'duckdb', full, nowMs })) rows[name] = await rowsOf(engine, sql);
    const summary = readQualityRows({
      rows,
      products: await factsOf(lake, snapshot),
      nowMs,
      filesAgainstCommit: await filesAgainstCommit(lake, snapshot, full),
    });
    return evaluate(summary, { staleMinutes: config.number('stale-minutes') });
  } finally {
    await engine.close();
  }
}
