// docs/performance.md shows what bench/results holds, and names no bench that is not there.
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { pagePath, readResults, tablesOf, withResults } from '../bench/page.mjs';

const page = readFileSync(pagePath, 'utf8');
const results = readResults();

test('the tables of docs/performance.md are those of bench/results (node bench/page.mjs writes them)', () => {
  expect(results.size).toBeGreaterThan(4);
  expect(withResults(page, results)).toBe(page);
});

test('no table stands there without its result: every bench keeps its own (pnpm bench NAME --save)', () => {
  const free = page.replace(/^<!-- bench:[\s\S]*?^<!-- end -->$/gm, '');
  expect(free.match(/^\|.*\|$/gm)).toBeNull();
});

test('every result says with which command, when and where it was measured', () => {
  for (const [name, { command, date, machine, tables }] of results) {
    const [, bench] = /^pnpm bench ([\w-]+)(?= |$)/.exec(command) ?? [];
    // One bench may be shown with several arguments: `transform`, `transform-20-million`.
    expect(name === bench || name.startsWith(`${bench}-`), `${name}: ${command}`).toBe(true);
    expect(command, name).not.toContain('--folder');
    expect(date, name).toMatch(/^\d{4}-\d\d-\d\d/);
    expect(machine, name).toMatch(/CPU.*Node \d+\.\d+/);
    expect(
      ['ts', 'mjs'].some((ending) => existsSync(new URL(`../bench/src/${bench}.${ending}`, import.meta.url))),
    ).toBe(true);
    for (const { columns, rows } of tables) for (const row of rows) expect(row.length, name).toBe(columns.length);
  }
});

test('a table that a bench prints is read as it stands, and shown again as it was', () => {
  const text = 'said\n\n| a | b |\n| --- | --- |\n| 1 | x\\|y |\n| 2 |  |\n\nmore\n';
  const tables = tablesOf(text);
  expect(tables).toEqual([
    {
      columns: ['a', 'b'],
      rows: [
        ['1', 'x\\|y'],
        ['2', ''],
      ],
    },
  ]);
  const result = new Map([['n', { command: 'c', date: 'd', machine: 'm', tables }]]);
  const shown = withResults('<!-- bench:n -->\n<!-- end -->', result);
  expect(tablesOf(shown)).toEqual(tables);
  expect(() => withResults('', result)).toThrow(/has 1 tables, docs\/performance.md shows 0/);
  expect(() => withResults('<!-- bench:z -->\n<!-- end -->', new Map())).toThrow(/results\/z.json has none/);
});
