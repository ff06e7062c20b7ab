// How many lines a CPU second: `node bench/run.mjs [lines]` from packages/mapping-engine. Fixed seed; output is checked.
import { readFile } from 'node:fs/promises';
import { tradesUnified, tradesUnifiedWithDecimals } from '../../core/src/index.js';
import { createInterpreter, createScanner, loadMapping, type Mapping } from '../src/index.js';

const lines = Number(process.argv[2] ?? 1_000_000);
const schema = process.argv[3] === 'decimals' ? tradesUnifiedWithDecimals : tradesUnified;

/** Deterministic numbers (a linear congruential generator), so that runs compare. */
function createRandom(): (below: number) => number {
  let seed = 42;
  return (below) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return seed % below;
  };
}

function rawLines(count: number): Uint8Array {
  const random = createRandom();
  const two = (value: number): string => String(value).padStart(2, '0');
  const parts: string[] = [];
  for (let row = 0; row < count; row += 1) {
    const seconds = Math.floor(row / 12);
    const time = `2026-09-${two(1 + (Math.floor(seconds / 86_400) % 30))}T${two(Math.floor(seconds / 3600) % 24)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}.${String(random(1_000_000)).padStart(6, '0')}Z`;
    const size = `${random(3)}.${String(random(100_000_000)).padStart(8, '0')}`;
    const price = `${84_000 + random(900)}.${two(random(100))}000000`;
    parts.push(
      `{"trade_id":${1_099_147_579 + row},"side":"${random(2) === 0 ? 'buy' : 'sell'}","size":"${size === '0.00000000' ? '1' : size}","price":"${price}","time":"${time}","product_id":"BTC-USD","_source":"coinbase","_symbol":"BTC-USD","_source_ingest_ts":"2026-09-27T16:00:00.123000Z"}\n`,
    );
  }
  return new TextEncoder().encode(parts.join(''));
}

function scan(mapping: Mapping, bytes: Uint8Array): { cpuMs: number; rows: number; slowLines: number } {
  const scanner = createScanner({ mapping, schema });
  const before = process.cpuUsage();
  scanner.begin('bench');
  for (let at = 0; at < bytes.length; at += 65_536) scanner.feed(bytes.subarray(at, at + 65_536));
  scanner.end();
  const used = process.cpuUsage(before);
  return { cpuMs: (used.user + used.system) / 1000, rows: scanner.rows, slowLines: scanner.report().slowLines };
}

const text = await readFile(new URL('../../../mappings/coinbase_trades.yaml', import.meta.url), 'utf8');
const mapping = await loadMapping(text, {
  file: 'coinbase_trades.yaml',
  schemas: [tradesUnified, tradesUnifiedWithDecimals],
});
const bytes = rawLines(lines);
for (let round = 1; round <= 5; round += 1) {
  const { cpuMs, rows, slowLines } = scan(mapping, bytes);
  if (rows !== lines) throw new Error(`${rows} rows came out of ${lines} lines`);
  const perSecond = lines / cpuMs / 1000;
  process.stdout.write(
    `scanner ${round}: ${cpuMs.toFixed(0)} CPU ms, ${perSecond.toFixed(2)} M lines/CPU s, ${(bytes.length / cpuMs / 1000).toFixed(0)} MB/CPU s, slow lines ${slowLines}\n`,
  );
}
const interpret = createInterpreter(mapping, schema);
const before = process.cpuUsage();
let from = 0;
const sample = Math.min(lines, 100_000);
for (let row = 0; row < sample; row += 1) {
  const to = bytes.indexOf(10, from);
  if (interpret(bytes.subarray(from, to)).kind !== 'row') throw new Error(`line ${row + 1} gave no row`);
  from = to + 1;
}
const used = process.cpuUsage(before);
process.stdout.write(`interpreter: ${(sample / ((used.user + used.system) / 1000) / 1000).toFixed(3)} M lines/CPU s\n`);
