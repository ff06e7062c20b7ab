// Everything that a venue must have besides its connector: docs/how-to/add-an-exchange.md asks for it, this says what is missing.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { exchanges } from '../internal/runtime/src/settings.ts';
import { venues } from '../internal/runtime/src/venues.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path) => readFileSync(join(root, path), 'utf8');

/** What a text must show of a venue, by file. */
const mentions = (exchange) => ({
  'internal/simulation/src/venues.ts': new RegExp(`^ {2}exchange: '${exchange}',$`, 'm'),
  'internal/fuzz/src/targets.ts': new RegExp(`name: '${exchange}-page'`),
  'infra/terraform/variables.tf': new RegExp(`contains\\(\\[[^\\]]*"${exchange}"`),
  'infra/terraform/locals.tf': new RegExp(`^ {4}${exchange} += \\[`, 'm'),
  'infra/terraform/catalog.json': new RegExp(`^ {4}"${exchange}": `, 'm'),
  'README.md': new RegExp(`\\(packages/connector-${exchange}\\)`),
  'docs/market-data-semantics.md': new RegExp(`^## ${exchange}\\b`, 'im'),
  'docs/glossary.md': new RegExp(`\`${exchange.toUpperCase()}\``),
  // Coinbase is what these do when nobody names another.
  ...(exchange === 'coinbase'
    ? {}
    : {
        'tools/deep/run.mjs': new RegExp(`'--exchange', '${exchange}'`),
        'tools/strangers/serve-venues.mjs': new RegExp(`\\b${exchange}\\.url\\b`),
      }),
});

test('the exchanges that settings know are those of the registry', () => {
  expect(venues.map(({ exchange }) => exchange)).toEqual(exchanges);
});

describe.each(venues)('$exchange', ({ exchange, column, rawTable }) => {
  const seed = exchange === 'coinbase' ? 'product_ids_seed.yaml' : `product_ids_seed.${exchange}.yaml`;

  test('has its mapping, fixtures and product list', () => {
    const files = [`mappings/${exchange}_trades.yaml`, `mappings/fixtures/${exchange}_trades.yaml`, `mappings/${seed}`];
    expect(files.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    const mapping = read(files[0]);
    expect(mapping).toMatch(new RegExp(`^source: ${rawTable}$`, 'm'));
    expect(mapping).toMatch(new RegExp(`^ {2}exchange: ${column}$`, 'm'));
  });

  test.each(Object.entries(mentions(exchange)))('stands in %s', (path, pattern) => {
    expect(read(path)).toMatch(pattern);
  });
});
