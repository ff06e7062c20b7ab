import type { Certificate } from '@schemahub/audit/certificate';
import {
  evaluate,
  type ProductFacts,
  type QualityQueryName,
  type QualityResult,
  type QualityRow,
  qualitySql,
  readQualityRows,
} from '@schemahub/data-quality';
import type { QueryEngine } from '@schemahub/query';
import type { Certificates } from '@schemahub/runtime/certificates';

function factsOf(certificate: Certificate): ProductFacts[] {
  return certificate.products.map((product) => ({
    exchange: product.exchange.toUpperCase(),
    symbol: product.symbol ?? product.product_id,
    present: product.table.rows,
    wanted: product.wanted.count,
    missing: product.account.missing.count,
    void: product.account.void.count,
    quarantined: product.account.quarantined.count,
    active: product.closed === null,
  }));
}

async function rowsOf(engine: QueryEngine, name: string, sql: string): Promise<QualityRow[]> {
  try {
    const { columns, rows } = await engine.run(sql);
    const found: QualityRow[] = [];
    for await (const batch of rows)
      for (const row of batch)
        found.push(Object.fromEntries(columns.map((column, index) => [column.name, row[index]])));
    return found;
  } catch (error) {
    throw new Error(`The query ${name} failed, so the table was not judged. ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** Asks every question of the quality checks and judges the answers with what the certificate says. */
export async function judgeTable(options: {
  readonly engine: QueryEngine;
  readonly certificates: Certificates;
  readonly nowMs: number;
  readonly staleMinutes: number;
  /** Every row is looked at, not only those of the last seven days. */
  readonly full: boolean;
}): Promise<QualityResult> {
  const { engine, certificates, nowMs, staleMinutes, full } = options;
  const rows: Partial<Record<QualityQueryName, QualityRow[]>> = {};
  // One after the other: a workgroup's queries wait for each other anyway, and the first failure ends the bill.
  for (const { name, sql } of qualitySql({ dialect: 'athena', full, nowMs }))
    rows[name] = await rowsOf(engine, name, sql);
  const { newest, latestCommit } = certificates;
  const summary = readQualityRows({
    rows,
    products: factsOf(newest),
    nowMs,
    filesAgainstCommit: { notMeasured: 'the function reads no files; schemahub quality and verify do' },
  });
  const about = newest.commit?.number ?? 0;
  const isOfNow = about === latestCommit;
  const rowsAgainstPresent = isOfNow
    ? summary.rowsAgainstPresent
    : {
        notMeasured: `the newest certificate is about commit ${about}, the table is at ${latestCommit}; run schemahub verify`,
      };
  return evaluate({ ...summary, rowsAgainstPresent }, { staleMinutes });
}
