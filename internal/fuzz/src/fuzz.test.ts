import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { readCorpus } from './corpus.js';
import { fuzz } from './fuzz.js';
import { inputOf } from './mutate.js';
import { createTargets } from './targets.js';

const corpusFolder = fileURLToPath(new URL('../corpus', import.meta.url));
const mapping = readFileSync(new URL('../../../mappings/coinbase_trades.yaml', import.meta.url), 'utf8');
const targets = await createTargets(mapping);

it('every parser has samples, and every folder of samples its parser', () => {
  expect(readdirSync(corpusFolder).sort()).toEqual(targets.map(({ name }) => name).sort());
});

it('an input is a function of seed and number', () => {
  const corpus = readCorpus(corpusFolder, 'evidence');
  expect(inputOf(corpus, 7, 99)).toEqual(inputOf(corpus, 7, 99));
  expect(inputOf(corpus, 7, 99)).not.toEqual(inputOf(corpus, 8, 99));
});

// A little of it on every change; 20,000 inputs a parser in .ci/run; as many as you like: pnpm fuzz PARSER --inputs N.
it.each(targets)('$name: a value or a sentence for whatever comes', async (target) => {
  const corpus = readCorpus(corpusFolder, target.name);
  const inputs = target.name === 'mapping' ? 150 : 600;
  const { findings } = await fuzz({ target, corpus, seed: 1, from: 0, inputs, now: () => performance.now() });
  expect(findings.map(({ n, what }) => `input ${n}: ${what}`)).toEqual([]);
});

it('a parser that crashes, or says nothing, is found', async () => {
  const corpus = [Buffer.from('{"a":1}')];
  const of = async (run: (bytes: Uint8Array) => unknown, errors: string[] = []): Promise<number> => {
    const target = { name: 'planted', run, errors };
    return (await fuzz({ target, corpus, seed: 1, from: 0, inputs: 50, now: () => performance.now() })).findings.length;
  };
  const parse = (bytes: Uint8Array): unknown => (JSON.parse(Buffer.from(bytes).toString()) as { a: { b: number } }).a.b;
  expect(await of(parse)).toBeGreaterThan(0);
  expect(await of(parse, ['SyntaxError'])).toBeGreaterThan(0);
  expect(
    await of(() => {
      throw new SyntaxError('bad');
    }, ['SyntaxError']),
  ).toBeGreaterThan(0);
  let ms = 0;
  const target = { name: 'planted', run: () => undefined, errors: [] };
  const slow = await fuzz({ target, corpus, seed: 1, from: 0, inputs: 1, now: () => (ms += 4000) });
  expect(slow.findings[0]?.what).toContain('took 4000 ms');
});
