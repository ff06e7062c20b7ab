import { readdir, readFile } from 'node:fs/promises';
import { tradesUnified, tradesUnifiedWithDecimals } from '@schemahub/core';
import {
  lintMapping,
  loadMapping,
  loadParsedMapping,
  type Mapping,
  parseFixtures,
  testMapping,
} from '@schemahub/mapping-engine';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { embeddedMappings, embeddedSeeds, parsedMappings } from './index.js';

const folder = new URL('../', import.meta.url);
const schemas = [tradesUnified, tradesUnifiedWithDecimals];

function load(file: string): Promise<Mapping> {
  return loadMapping(embeddedMappings[file]!, { file, schemas });
}

describe('the embedded texts', () => {
  it('are the YAML files of this workspace, all of them', async () => {
    const files = (await readdir(folder)).filter((file) => file.endsWith('.yaml'));
    const embedded = { ...embeddedMappings, ...embeddedSeeds };
    expect(Object.keys(embedded).sort()).toEqual(files.sort());
    for (const file of files)
      expect(embedded[file], `${file}: run generate`).toBe(await readFile(new URL(file, folder), 'utf8'));
  });
});

it('the parsed mappings are those of the texts', () => {
  expect(Object.keys(parsedMappings)).toEqual(Object.keys(embeddedMappings));
});

describe.each(Object.keys(embeddedMappings))('%s', (file) => {
  it('loads, is clean to the linter, and is named after its source', async () => {
    const mapping = await load(file);
    expect(mapping.targetTable).toBe('trades_unified');
    expect(`raw_${file.replace('.yaml', '')}`).toBe(mapping.source);
    expect(await lintMapping(embeddedMappings[file]!, { file, schemas })).toEqual([]);
    // Programs load what it says without YAML and without a check of its shape, because this test has done both.
    expect(parsedMappings[file], `${file}: run generate`).toStrictEqual(parse(embeddedMappings[file]!));
    expect(loadParsedMapping(parsedMappings[file], { file, schemas })).toEqual(mapping);
  });

  it('passes its fixtures, with and without exact decimals', async () => {
    const fixtures = await parseFixtures(await readFile(new URL(`fixtures/${file}`, folder), 'utf8'), file);
    expect(fixtures.length).toBeGreaterThan(5);
    const mapping = await load(file);
    for (const schema of schemas) {
      for (const result of testMapping(mapping, fixtures, schema))
        expect(result).toEqual({ ...result, passed: true, problems: [] });
    }
  });
});

describe('product_ids_seed.yaml', () => {
  it('lists the shipped products and counts them', async () => {
    const text = embeddedSeeds['product_ids_seed.yaml']!;
    const products = [...text.matchAll(/^ {2}- (\S+)$/gm)].map((match) => match[1]!);
    const bases = ['BTC', 'ETH', 'SOL', 'XRP', 'ADA', 'AVAX', 'DOT', 'AAVE', 'ACH', 'ABT', 'WLD', 'W', 'PYTH', 'MATIC'];
    expect(products).toEqual(bases.map((base) => `${base}-USD`));
    expect(text).toMatch(/^metadata:\n {2}source: \S+\n {2}last_updated: "[^"]+"\n {2}count: 14\n$/m);
  });
});
