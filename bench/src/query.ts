// Questions about many trades: canonical files against thousands of small ones, as `schemahub query` asks them.
// `pnpm bench query [--rows 50000000] [--copies 1] [--small 5000] [--folder DIR]`; `--small 0` leaves the small files out.
// `--copies 20` writes the trades twenty times, each time as other products: a billion rows in the time of encoding them.
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gather, sliceBatch } from '@schemahub/columns';
import { tradesUnified } from '@schemahub/core';
import { type Asked, ask, type Question } from './measure/ask.js';
import { machine, markdown } from './measure/measure.js';
import { tradeProfiles } from './trades/profiles.js';
import { tradeBatch } from './trades/trade-batches.js';
import { createTradeModel } from './trades/trade-model.js';
import { writeFile } from './trades/write-file.js';

const SEED = 4;
/** Rows of a full cell: a block of ids (docs/glossary.md). */
const CELL_ROWS = 2_097_152;

interface Made {
  readonly canonical: readonly string[];
  readonly small: readonly string[];
  /** The last whole day of the largest product, `2025-08-22`. */
  readonly day: string;
  readonly bytes: number;
}

/** Writes each cell once, and its rows once more in files of `smallRows` in the order in which they were landed. */
async function makeFiles(folder: string, rows: number, smallRows: number, copies: number): Promise<Made> {
  const canonical: string[] = [];
  const small: string[] = [];
  let bytes = 0;
  let day = '';
  for (const [index, profile] of tradeProfiles.entries()) {
    const model = createTradeModel(profile, SEED);
    const wanted = Math.round(rows * profile.share);
    for (let done = 0; done < wanted; ) {
      const count = Math.min(CELL_ROWS, wanted - done);
      const trades = model(count);
      const batch = tradeBatch(profile, trades);
      for (let copy = 1; copy <= copies; copy += 1) {
        const product = copy === 1 ? profile.product : `${profile.product}-${copy}`;
        const path = join(folder, 'canonical', product, `${String(done).padStart(12, '0')}.parquet`);
        const own = copy === 1 ? batch : tradeBatch({ ...profile, product }, trades);
        bytes += await writeFile(path, [own], { schema: tradesUnified, sortingColumns: ['trade_ts'] });
        canonical.push(path);
      }
      for (let from = 0; smallRows > 0 && from < count; from += smallRows) {
        const own = join(folder, 'small', `${profile.product}-${String(done + from).padStart(12, '0')}.parquet`);
        // Newest first, as a page comes.
        const piece = sliceBatch(batch, from, Math.min(count, from + smallRows));
        const order = Uint32Array.from({ length: piece.rows }, (_, row) => piece.rows - 1 - row);
        await writeFile(own, [gather(piece, order, 0, piece.rows)], { schema: tradesUnified });
        small.push(own);
      }
      done += count;
      if (index === 0) day = new Date(trades.times[count - 1]! / 1000 - 86_400_000).toISOString().slice(0, 10);
      console.error(`  ${profile.product}: ${done} of ${wanted}`);
    }
  }
  return { canonical, small, day, bytes };
}

function questionsAbout(day: string): Question[] {
  const next = new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10);
  return [
    { name: 'count', sql: 'SELECT count(*) FROM trades_unified' },
    { name: 'last 100 trades', sql: "SELECT * FROM last_trades('BTC-USD', 100)" },
    {
      name: 'OHLCV, one day by the minute',
      sql: `SELECT * FROM ohlcv('BTC-USD', INTERVAL 1 MINUTE, since := '${day}', until := '${next}')`,
    },
    {
      name: 'VWAP by symbol, everything read',
      sql: 'SELECT symbol, round(sum(price * quantity) / sum(quantity), 2) FROM trades_unified GROUP BY symbol ORDER BY symbol',
    },
  ];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string', default: '50000000' },
      copies: { type: 'string', default: '1' },
      small: { type: 'string', default: '5000' },
      folder: { type: 'string', default: join(tmpdir(), 'schemahub-bench', 'query') },
    },
  });
  const [rows, copies] = [Number(values.rows), Number(values.copies)];
  const smallFiles = Number(values.small);
  await rm(values.folder, { recursive: true, force: true });
  await mkdir(join(values.folder, 'small'), { recursive: true });
  const made = await makeFiles(values.folder, rows, smallFiles === 0 ? 0 : Math.ceil(rows / smallFiles), copies);
  const table: string[][] = [];
  for (const question of questionsAbout(made.day)) {
    const cells = [question.name];
    let answer: string | undefined;
    // Newest first, as the command line lists a snapshot's files.
    for (const files of [made.canonical, made.small].map((list) => [...list].reverse())) {
      if (files.length === 0) continue;
      // The first asking warms the system's cache for both alike.
      await ask(files, question);
      const asked: Asked = await ask(files, question);
      answer ??= asked.answer;
      if (asked.answer !== answer) throw new Error(`${question.name}: the layouts answer differently`);
      cells.push(asked.cpu.toFixed(2), asked.wall.toFixed(2), asked.read.toFixed(1));
    }
    table.push(cells);
    console.error(cells.join(' | '));
  }
  await rm(values.folder, { recursive: true });
  const files = `${made.canonical.length} canonical files${smallFiles > 0 ? ` against ${made.small.length} small ones` : ''}`;
  console.log(
    `${machine()}; ${rows * copies} trades, ${files}, ${(made.bytes / rows / copies).toFixed(2)} bytes a trade, seed ${SEED}.\n`,
  );
  const head = (layout: string): string[] => [`${layout}: CPU s`, 'wall s', 'MB read'];
  console.log(markdown(['question', ...head('canonical'), ...(smallFiles > 0 ? head('small') : [])], table));
}

await main();
