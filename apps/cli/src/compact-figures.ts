import type { OpenLake } from '@schemahub/runtime/lake';
import { chosenSnapshot, openQuery } from '@schemahub/runtime/query';
import type { RequestCounts } from '@schemahub/runtime/request-counts';
import { bytesText, grouped } from './text-table.js';

/** What one snapshot takes to ask, told for the one before a compaction and the one after it. */
export interface TableFigures {
  readonly snapshot: number;
  readonly files: number;
  readonly bytes: number;
  /** From nothing to an engine that knows the files; null on S3, where asking would fetch them. */
  readonly planningMs: number | null;
  /** The last 100 trades of the table. */
  readonly queryMs: number | null;
}

const QUESTION = 'SELECT * FROM trades_unified ORDER BY trade_ts DESC LIMIT 100';

async function timesOf(lake: OpenLake, snapshot: number): Promise<{ planningMs: number; queryMs: number }> {
  const start = performance.now();
  const { engine } = await openQuery({ lake, snapshot });
  try {
    const planned = performance.now();
    const { rows } = await engine.run(QUESTION);
    for await (const batch of rows) void batch;
    return { planningMs: planned - start, queryMs: performance.now() - planned };
  } finally {
    await engine.close();
  }
}

/** The second asking of two, so that neither snapshot pays for what the system had not read before. */
export async function tableFigures(lake: OpenLake, number: number): Promise<TableFigures> {
  const snapshot = await chosenSnapshot({ lake, snapshot: number });
  const files = snapshot?.products.flatMap((product) => product.files) ?? [];
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  if (lake.local !== undefined)
    return { snapshot: number, files: files.length, bytes, planningMs: null, queryMs: null };
  await timesOf(lake, number);
  return { snapshot: number, files: files.length, bytes, ...(await timesOf(lake, number)) };
}

export function figuresText(name: string, { files, bytes, planningMs, queryMs }: TableFigures): string {
  const times =
    planningMs === null || queryMs === null
      ? ''
      : `; opened in ${planningMs.toFixed(0)} ms, last 100 trades in ${queryMs.toFixed(0)} ms`;
  return `${name.padEnd(6)} ${grouped(files)} files, ${bytesText(bytes)}${times}\n`;
}

export function costText(cpuSeconds: number, { get, put, list }: RequestCounts): string {
  return `${cpuSeconds.toFixed(1)} CPU s; asked of the store: ${grouped(get)} reads, ${grouped(put)} writes, ${grouped(list)} listings\n`;
}
