// The same trades in ten layouts, and what a fixed set of questions costs in each: why the table's layout is as it is.
// `pnpm bench layouts [--rows 3000000] [--folder DIR]`
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type ColumnBatch, concatBatches, gather, sortPermutation } from '@schemahub/columns';
import { tradesUnified } from '@schemahub/core';
import type { WriteParquetOptions } from '@schemahub/parquet-sink';
import { type Asked, ask, type Question } from './measure/ask.js';
import { machine, markdown, median } from './measure/measure.js';
import { tradeProfiles } from './trades/profiles.js';
import { tradeBatch } from './trades/trade-batches.js';
import { createRandom, createTradeModel } from './trades/trade-model.js';
import { writeFile } from './trades/write-file.js';

const SEED = 4;
const ROUNDS = 3;
const PAGE_ROWS = 1000;
const GATHER_ROWS = 20_480;

interface Layout {
  readonly name: string;
  /** Names of files and the rows of each, in order. */
  readonly files: readonly { readonly name: string; readonly rows: Uint32Array }[];
  readonly options?: Partial<WriteParquetOptions>;
}

const questions: readonly Question[] = [
  { name: 'count', sql: 'SELECT count(*) FROM trades_unified' },
  { name: 'last 100', sql: "SELECT * FROM last_trades('BTC-USD', 100)" },
  {
    name: 'OHLCV, one day',
    sql: "SELECT * FROM ohlcv('BTC-USD', INTERVAL 1 MINUTE, since := '2025-08-24', until := '2025-08-25')",
  },
  { name: 'one trade', sql: "SELECT * FROM trades_unified WHERE symbol = 'ETH-USD' AND trade_id = '689238652'" },
  {
    name: 'VWAP of all',
    sql: 'SELECT symbol, round(sum(price * quantity) / sum(quantity), 4) FROM trades_unified GROUP BY symbol ORDER BY symbol',
  },
];

function layoutsOf(all: ColumnBatch, ends: readonly number[]): Layout[] {
  const identity = Uint32Array.from({ length: all.rows }, (_, row) => row);
  const bySymbol = tradeProfiles.map(({ product }, index) => ({
    name: `symbol=${product}/trades`,
    rows: identity.subarray(ends[index - 1] ?? 0, ends[index]),
  }));
  const whole = (rows: Uint32Array): Layout['files'] => [{ name: 'trades', rows }];
  const pages = Array.from({ length: Math.ceil(all.rows / PAGE_ROWS) }, (_, page) => page * PAGE_ROWS);
  const random = createRandom(SEED);
  for (let at = pages.length - 1; at > 0; at -= 1) {
    const other = Math.floor(random() * (at + 1));
    [pages[at], pages[other]] = [pages[other]!, pages[at]!];
  }
  const landed = Uint32Array.from(pages.flatMap((from) => [...identity.subarray(from, from + PAGE_ROWS)].reverse()));
  const canonical = { sortingColumns: ['trade_ts'] };
  const groups = (rowGroupRows: number): Layout => ({
    name: `by symbol and time, row groups of ${rowGroupRows.toLocaleString('en')}`,
    files: bySymbol,
    options: { ...canonical, rowGroupRows },
  });
  return [
    { name: '**default**: by symbol and time, row groups of 245,760, snappy', files: bySymbol, options: canonical },
    { name: 'the same, zstd', files: bySymbol, options: { ...canonical, codec: 'zstd' } },
    { name: 'the same, not compressed', files: bySymbol, options: { ...canonical, codec: 'none' } },
    { name: 'the same, profile compat', files: bySymbol, options: { ...canonical, profile: 'compat' } },
    groups(10_240),
    groups(40_960),
    groups(491_520),
    { name: 'one file, (symbol, trade_ts)', files: whole(identity) },
    { name: 'one file, trade_ts, symbols mixed', files: whole(sortPermutation(all, { keys: ['trade_ts'] })) },
    {
      name: 'one file, (symbol, exchange), pages as landed',
      files: whole(sortPermutation(all, { keys: ['symbol', 'exchange'], rows: landed })),
    },
  ];
}

function* pieces(all: ColumnBatch, rows: Uint32Array): Generator<ColumnBatch> {
  for (let from = 0; from < rows.length; from += GATHER_ROWS)
    yield gather(all, rows, from, Math.min(rows.length, from + GATHER_ROWS));
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string', default: '3000000' },
      folder: { type: 'string', default: join(tmpdir(), 'schemahub-bench', 'layouts') },
    },
  });
  await mkdir(values.folder, { recursive: true });
  const batches = tradeProfiles.map((profile) =>
    tradeBatch(profile, createTradeModel(profile, SEED)(Math.round(Number(values.rows) * profile.share))),
  );
  const all = concatBatches(batches);
  const ends = batches.map((_, index) => batches.slice(0, index + 1).reduce((sum, { rows }) => sum + rows, 0));
  const answers = new Map<string, string>();
  const rows: string[][] = [];
  for (const layout of layoutsOf(all, ends)) {
    const paths: string[] = [];
    let bytes = 0;
    for (const file of layout.files) {
      const path = join(values.folder, `${file.name}.parquet`);
      paths.push(path);
      bytes += await writeFile(path, pieces(all, file.rows), { schema: tradesUnified, ...layout.options });
    }
    rows.push([layout.name, (bytes / all.rows).toFixed(2), ...(await askAll(paths, answers))]);
    console.error(rows.at(-1)!.join(' | '));
    for (const path of paths) await rm(path);
  }
  await rm(values.folder, { recursive: true });
  console.log(
    `${machine()}; ${all.rows} trades, seed ${SEED}; CPU s (median of ${ROUNDS}) and MB read. All answers equal.\n`,
  );
  console.log(markdown(['layout', 'bytes a trade', ...questions.map(({ name }) => name)], rows));
}

/** One cell a question. Throws when a layout answers otherwise than the first. */
async function askAll(paths: readonly string[], answers: Map<string, string>): Promise<string[]> {
  const cells: string[] = [];
  for (const question of questions) {
    const runs: Asked[] = [];
    for (let round = 0; round < ROUNDS; round += 1) runs.push(await ask(paths, question));
    const { answer } = runs[0]!;
    if ((answers.get(question.name) ?? answer) !== answer) throw new Error(`${question.name} has another answer`);
    answers.set(question.name, answer);
    cells.push(`${median(runs.map(({ cpu }) => cpu)).toFixed(2)} s, ${runs.at(-1)!.read.toFixed(1)} MB`);
  }
  return cells;
}

await main();
