import { describe, expect, it } from 'vitest';
import { judgeFloor, judgeVoidRun, type ProbeLike } from './proof.js';

const at = (ms: number): string => new Date(Date.parse('2026-11-21T12:00:00.000Z') + ms).toISOString();
const probe = (ids: readonly number[], ms: number, fresh = false): ProbeLike => ({
  request: '',
  ids: [...ids],
  date: at(ms),
  fresh_connection: fresh,
});

describe('the proof of a void', () => {
  const run = { first: 5, last: 8, lower: 4, upper: 9 };
  const first = probe([9, 4], 0, true);
  const second = probe([9, 4], 5000);

  it('is two answers with both neighbours and nothing else, 5 s apart, the first over a fresh connection', () => {
    expect(judgeVoidRun({ ...run, probes: [first, second] })).toBeUndefined();
    expect(judgeVoidRun({ ...run, probes: [first, probe([9, 4], 5000, true)] })).toBeUndefined();
  });

  it.each([
    ['4,999 ms apart', [first, probe([9, 4], 4999)], /4\.999 s apart/],
    ['the later answer first', [probe([9, 4], 5000, true), probe([9, 4], 0)], /-5 s apart/],
    ['no Date in the first', [{ ...first, date: null }, second], /no Date/],
    ['no Date in the second', [first, { ...second, date: null }], /no Date/],
    ['a Date that is none', [first, { ...second, date: 'yesterday' }], /no Date/],
    ['the first over a connection of the pool', [{ ...first, fresh_connection: false }, second], /fresh/],
    ['nothing said of the connection', [{ ...first, fresh_connection: undefined }, second], /fresh/],
    ['one answer', [first], /1 answers/],
    ['three answers', [first, second, second], /3 answers/],
    ['a row between', [first, probe([9, 7], 5000)], /expected \{9, 4\}/],
    ['another lower row', [first, probe([9, 3], 5000)], /expected \{9, 4\}/],
    ['one row', [first, probe([9], 5000)], /expected \{9, 4\}/],
    ['no row', [probe([], 0, true), second], /expected \{9, 4\}/],
    ['three rows', [first, probe([9, 4, 3], 5000)], /expected \{9, 4\}/],
  ] as const)('is not: %s', (_, probes, problem) => {
    expect(judgeVoidRun({ ...run, probes })).toMatch(problem);
  });

  it.each([{ lower: 3 }, { upper: 10 }, { first: 9, last: 8, lower: 8, upper: 9 }])('is none of %o', (other) => {
    expect(judgeVoidRun({ ...run, ...other, probes: [first, second] })).toMatch('neighbours');
  });
});

describe('the proof of a floor', () => {
  it('is needed above 0 only, and is two empty answers at the end, 5 s apart', () => {
    expect(judgeFloor(0, [])).toBeUndefined();
    expect(judgeFloor(7, [probe([999, 7], 0), probe([], 1, true), probe([], 5001)])).toBeUndefined();
  });

  it.each([
    ['none', []],
    ['one empty answer', [probe([], 0)]],
    ['4,999 ms apart', [probe([], 0), probe([], 4999)]],
    ['a row in the last', [probe([], 0), probe([6], 5000)]],
    ['a row in the last but one', [probe([6], 0), probe([], 5000)]],
    ['no Date', [{ ...probe([], 0), date: null }, probe([], 5000)]],
  ])('is not: %s', (_, requests) => {
    expect(judgeFloor(7, requests)).toBeTypeOf('string');
  });
});
