import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { brokenClaims, readExamples } from './examples.mjs';

const examples = readExamples(fileURLToPath(new URL('../..', import.meta.url)));

test('every package has an example of a dozen lines or two', () => {
  const lines = examples.map(({ name, code }) => [name, code.split('\n').filter((line) => line.trim() !== '').length]);
  expect(examples.length).toBeGreaterThan(15);
  expect(lines.filter(([, count]) => count < 4 || count > 42)).toEqual([]);
});

test('an example imports its own package', () => {
  expect(examples.filter(({ name, code }) => !code.includes(`from '@schemahub/${name}`))).toEqual([]);
});

test('a claim is what stands before the explanation', () => {
  const code = [
    'console.log(a); // 1-3,7-8',
    'console.log(b); // created: nothing was there',
    'console.log(c); // { first: 9, last: 10 }: what is left',
    "  console.log(d); // { id: '8', …",
  ].join('\n');
  expect(brokenClaims(code, "1-3,7-8\ncreated\n{ first: 9, last: 10 }\n{ id: '8',\n  ts: 1n }\n")).toEqual([]);
  expect(brokenClaims(code, '1-3\n')).toEqual(['1-3,7-8', 'created', '{ first: 9, last: 10 }', "{ id: '8',"]);
});
