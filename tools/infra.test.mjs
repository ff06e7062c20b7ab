// infra/terraform against the code and the documents: names that stand twice are compared, in both directions.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { metrics } from '../internal/observability/src/metric-names.ts';
import { prices } from '../internal/runtime/src/traffic.ts';
import { tradesUnified } from '../packages/core/src/index.ts';
import { athenaPrice } from '../packages/query/src/athena/open-athena.ts';
import { terraformFiles, withVariables } from './terraform.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path) => readFileSync(join(root, path), 'utf8');
const files = terraformFiles();
const whole = Object.values(files).join('\n');
const sorted = (names) => [...new Set(names)].sort();
const all = (text, pattern) => [...text.matchAll(pattern)].map(([, found]) => found);

/** Metric names below `metrics = [...]` of dashboards.tf, with the panels they stand in. */
function panelsOf(local) {
  const table = files['dashboards.tf'].match(new RegExp(`^  ${local} = \\[\\n([\\s\\S]*?)^  \\]`, 'm'))[1];
  return [...table.matchAll(/metrics = \[([^\]]*)\](.*)/g)].map(([, list, rest]) => ({
    names: all(list, /"(\w+)"/g),
    // A panel of the other dashboard's kind says so.
    isOfExchanges: rest.includes('sources = var.exchanges') || local !== 'quality_panels',
  }));
}

describe('metrics', () => {
  const alarms = [
    ...all(files['alarms.tf'], /metric = "(\w+)"/g),
    ...all(files['alarms.tf'].match(/error_metrics += \[(.*)\]/)[1], /"(\w+)"/g),
    ...all(files['alarms.tf'], /request_metric += "(\w+)"/g),
    ...all(files['alarms.tf'], /metric_name = "(\w+)"\n\s+dimensions +?= \{ Source/g),
  ];
  const panels = ['quality_panels', 'operation_panels', 'error_panels'].flatMap(panelsOf);
  const shown = panels.flatMap(({ names }) => names);

  test('alarms and dashboards name metrics that exist', () => {
    expect(alarms.length).toBeGreaterThan(15);
    expect(sorted([...alarms, ...shown]).filter((name) => !Object.hasOwn(metrics, name))).toEqual([]);
  });

  test('every metric is on a dashboard', () => {
    expect(Object.keys(metrics).filter((name) => !shown.includes(name))).toEqual([]);
  });

  test('a number of the whole table is asked for under Source all, one of an exchange under its name', () => {
    const emitters = (isOfExchanges) =>
      sorted(
        panels
          .filter((panel) => panel.isOfExchanges === isOfExchanges)
          .flatMap(({ names }) => names.map((name) => metrics[name].emitter)),
      );
    expect(emitters(false)).toEqual(['quality']);
    expect(emitters(true)).toEqual(['fetch', 'job', 'table']);
    const ofTable = files['alarms.tf'].match(/^ {2}table_alarms = \{\n([\s\S]*?)^ {2}\}/m)[1];
    const ofSource = files['alarms.tf'].match(/^ {2}source_alarms = \{\n([\s\S]*?)^ {2}\}/m)[1];
    expect(sorted(all(ofTable, /metric = "(\w+)"/g).map((name) => metrics[name].emitter))).toEqual(['quality']);
    expect(sorted(all(ofSource, /metric = "(\w+)"/g).map((name) => metrics[name].emitter))).toEqual(['fetch']);
  });
});

describe('runbooks', () => {
  test('every alarm has its page, and every page its alarm', () => {
    const linked = sorted([
      ...all(files['alarms.tf'], /runbook = "([a-z-]+)"/g),
      ...all(whole, /runbook_base_url\}\/([a-z-]+)\.md/g),
    ]);
    const pages = readdirSync(join(root, 'docs/operations'))
      .filter((name) => name !== 'README.md')
      .map((name) => name.replace('.md', ''));
    // A page without an alarm says so, and stands in the table of symptoms.
    const silent = pages.filter((page) => read(`docs/operations/${page}.md`).includes(' No alarm: '));
    expect(linked).toEqual(sorted(pages.filter((page) => !silent.includes(page))));
    expect(pages.filter((page) => !read('docs/operations/README.md').includes(`(${page}.md)`))).toEqual([]);
  });

  test('every alarm resource links to one', () => {
    const resources = whole.match(/^resource "aws_cloudwatch_metric_alarm" [\s\S]*?^\}/gm);
    expect(resources.length).toBeGreaterThan(5);
    expect(
      resources.filter((text) => !/alarm_description +?= ".*Runbook: \$\{var\.runbook_base_url\}/.test(text)),
    ).toEqual([]);
  });
});

describe('the README', () => {
  const readme = read('infra/terraform/README.md');

  test('lists the variables as they are (node tools/terraform.mjs --write)', () => {
    expect(withVariables(readme)).toBe(readme);
  });

  test('the costs are what their arithmetic gives, and at most $15 a month', () => {
    const rows = [...readme.matchAll(/^\| (?!what)[^|]+ \| ([\d.+*/() ]+) \| (\d+\.\d\d) \|$/gm)];
    expect(rows.length).toBeGreaterThan(10);
    let sum = 0;
    for (const [row, arithmetic, dollars] of rows) {
      // The pattern above admits numbers and operators alone.
      const value = Number(new Function(`return ${arithmetic}`)());
      expect(value.toFixed(2), row).toBe(dollars);
      sum += Number(dollars);
    }
    expect(readme).toContain(`| **sum** | | **${sum.toFixed(2)}** |`);
    expect(sum).toBeLessThanOrEqual(15);
  });

  test('the summary in the README of the repository is the same money', () => {
    const [, section] = read('README.md').match(/^## In AWS\n([\s\S]*?)^## /m);
    const rows = [...section.matchAll(/^\| (.+) \| \**(\d+\.\d\d)\** \|$/gm)].map(([, , dollars]) => Number(dollars));
    const [, sum] = readme.match(/\| \*\*sum\*\* \| \| \*\*([\d.]+)\*\* \|/);
    expect(rows.at(-1)).toBe(Number(sum));
    expect(rows.slice(0, -1).reduce((total, dollars) => total + dollars, 0)).toBeCloseTo(Number(sum), 6);
  });
});

test('docs/cost.md has every price that the code reckons with, its source and its day, and no other', () => {
  const rows = [
    ...read('docs/cost.md').matchAll(/^\| ([^|]+) \| \$([\d.]+) \| \[.*\(https:\/\/aws\.amazon\.com\/.*\| \[.*$/gm),
  ];
  const units = { thousand: 1000, million: 1_000_000 };
  const told = rows.map(([, what, dollars]) => Number(dollars) / (units[what.split(' ').at(-1)] ?? 1));
  expect(told.sort()).toEqual([...Object.values(prices), athenaPrice.dollarsPerTerabyte].sort());
});

describe('secrets', () => {
  test('no file holds a key, an account or an address of ours', () => {
    expect(whole.match(/AKIA\w+|\b\d{12}\b|aws_secret_access_key/g)).toBeNull();
    expect(existsSync(join(root, 'infra/terraform/terraform.tfstate'))).toBe(false);
  });
});

describe('infra/sql/snowflake/copy-into.mjs', () => {
  const script = join(root, 'infra/sql/snowflake/copy-into.mjs');
  const run = (input, ...args) => spawnSync(process.execPath, [script, ...args], { input, encoding: 'utf8' });
  const files = Array.from({ length: 1001 }, (_, index) => ({
    path: `unified_trades/v1/symbol=O'X/f${index}.parquet`,
    rows: 2,
  }));
  const listing = JSON.stringify({
    current: 7,
    snapshots: [
      { number: 7, time: '2026-01-01T00:00:00Z', files },
      { number: 6, time: 't', files: [] },
    ],
  });

  test('loads every file of the current snapshot, 1,000 a statement, in one transaction', () => {
    const { status, stdout } = run(listing, '--stage', 'lake');
    expect(status).toBe(0);
    const copies = stdout.match(/COPY INTO[\s\S]*?;/g);
    expect(copies.map((text) => text.match(/\.parquet'/g).length)).toEqual([1000, 1]);
    expect(stdout).toContain("'unified_trades/v1/symbol=O''X/f1000.parquet'");
    expect(stdout).toMatch(/snapshot 7 .*1001 files, 2002 rows\nBEGIN;[\s\S]*COMMIT;\n$/);
  });

  test('names the columns of the table', () => {
    const { stdout } = run(listing, '--stage', 'lake');
    const named = stdout
      .match(/EXISTS trades_unified \((.*)\)/)[1]
      .split(', ')
      .map((column) => column.split(' ')[0]);
    expect(named).toEqual(tradesUnified.columns.map(({ name }) => name));
  });

  test('refuses what it cannot load', () => {
    expect(run(listing, '--stage', 'a; DROP TABLE b')).toMatchObject({ status: 2, stdout: '' });
    expect(run(listing, '--stage', 'lake', '--snapshot', '5').stderr).toContain('snapshot 5 is not in the list');
    expect(run('oops', '--stage', 'lake').stderr).toContain('schemahub snapshots --files --json');
  });
});

describe('the raw tables of catalog.json', () => {
  const catalog = JSON.parse(read('infra/terraform/catalog.json'));
  const sources = readdirSync(join(root, 'mappings')).flatMap((name) => name.match(/^(\w+)_trades\.yaml$/)?.[1] ?? []);

  test.each(sources)('%s has every field that its mapping reads', (exchange) => {
    const [, mapped] = read(`mappings/${exchange}_trades.yaml`).match(/^mappings:\n((?: {2}.*\n)+)/m);
    const fields = all(mapped, /^ {2}(\w+): /gm);
    expect(fields).toContain('_symbol');
    const known = catalog.raw[exchange].columns.map(({ name }) => name);
    expect(fields.filter((field) => !known.includes(field.toLowerCase()))).toEqual([]);
  });
});
