import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { errorMetrics, type MetricEmitter, metrics, NAMESPACE, PRODUCTS_WITH_METRICS } from './index.js';

const terraform = (name: string): string =>
  readFileSync(new URL(`../../../infra/terraform/${name}`, import.meta.url), 'utf8');

/** Panels and alarms that name a metric, from the tables of Terraform. */
const panels = [...terraform('dashboards.tf').matchAll(/\{ title = "([^"]+)", metrics = \[([^\]]+)\]/g)].map(
  ([, title, names]) => ({ title: title!, names: [...names!.matchAll(/"(\w+)"/g)].map(([, name]) => name!) }),
);
const alarms = [
  ...terraform('alarms.tf').matchAll(
    /^ {4}([\w-]+) += \{ metric = "(\w+)".*test = "([<>=]+)", threshold = ([\d.]+), runbook = "([\w-]+)"/gm,
  ),
].map(([, name, metric, comparison, threshold, runbook]) => {
  return { metric: metric!, text: `[${comparison} ${threshold}](../operations/${runbook}.md)`, name: name! };
});

const EMITTERS: Readonly<Record<MetricEmitter, string>> = {
  fetch: 'Of a fetching run: `ingest`, `backfill`, `repair`. `Source` is the exchange, in lower case',
  table: 'Of `transform`. `Source` is the exchange',
  job: 'Of every command that runs as a job. `Source` is the exchange',
  quality: 'Of the data-quality checks: `schemahub quality` and the Lambda. `Source` is `all`',
};

function section(emitter: MetricEmitter): string {
  const rows = Object.entries(metrics)
    .filter(([, metric]) => metric.emitter === emitter)
    .map(([name, { unit, statistic, meaning, byProduct }]) => {
      const shown = panels.filter(({ names }) => names.includes(name)).map(({ title }) => title);
      const told = alarms.filter(({ metric }) => metric === name).map(({ text }) => text);
      if (errorMetrics.includes(name as never) || name === 'APISuccessCount') {
        told.push('part of the [error rate](../operations/exchange-errors.md)');
      }
      const dimensions = byProduct === true ? 'Source, Product' : 'Source';
      return `| \`${name}\` | ${unit} | ${statistic} | ${dimensions} | ${meaning} | ${shown.join('; ')} | ${told.join(', ')} |`;
    });
  return [
    `## ${emitter}`,
    '',
    `${EMITTERS[emitter]}.`,
    '',
    '| metric | unit | statistic | dimensions | meaning | panel | alarm |',
    '|---|---|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

/** docs/reference/metrics.md. */
function reference(): string {
  const head = [
    '# Metrics',
    '',
    'Made from `internal/observability/src/metric-names.ts` and the tables of `infra/terraform`; a test fails when it is stale.',
    '',
    `Namespace \`${NAMESPACE}\`. None are sent on a laptop; \`--metrics emf\` writes them as lines of the log (CloudWatch reads those), \`--metrics cloudwatch\` sends them. Each name with each value of a dimension is billed, so \`Product\` is a dimension of three metrics only, for the ${PRODUCTS_WITH_METRICS} largest products.`,
    '',
    'The panels stand on the dashboards `schemahub-dashboard` and `schemahub-data-quality`. Every alarm leads to its [runbook](../operations/README.md). The metrics of AWS itself (errors of the Lambda, failed tasks) have alarms as well; they are listed there.',
    '',
  ];
  const emitters = Object.keys(EMITTERS) as MetricEmitter[];
  return `${[...head, ...emitters.map(section)].join('\n').trimEnd()}\n`;
}

// `npx vitest run internal/observability -u` writes the page anew.
test('docs/reference/metrics.md is what code and Terraform say', async () => {
  expect(panels.length).toBeGreaterThan(20);
  expect(alarms.length).toBeGreaterThan(10);
  await expect(reference()).toMatchFileSnapshot('../../../docs/reference/metrics.md');
});
