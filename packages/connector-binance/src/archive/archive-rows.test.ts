import { RangeSet } from '@schemahub/coverage';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linesOf, parseArchiveRow, surveyRows } from './archive-rows.js';

/** A row of the real archive, as its documentation shows it (EXCHANGES §2.5). */
const documented = '51175358,17.80180000,5.69000000,101.29224200,1735689600010866,True,True';

async function* chunksOf(text: string, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < text.length; at += size) yield Buffer.from(text.slice(at, at + size), 'latin1');
}

function survey(lines: readonly string[]): ReturnType<typeof surveyRows> {
  return surveyRows(chunksOf(lines.map((line) => `${line}\n`).join(''), 1000));
}

const row = (id: number): string => `${id},1.00000000,2.00000000,2.00000000,1735689600010866,False,True`;

describe('a row of an archive file', () => {
  it('becomes the object of REST with its own digits', () => {
    expect(parseArchiveRow(documented)).toEqual({
      id: 51175358,
      record:
        '{"id":51175358,"price":"17.80180000","qty":"5.69000000","quoteQty":"101.29224200","time":1735689600010866,"isBuyerMaker":true,"isBestMatch":true}',
    });
    expect(parseArchiveRow(`${documented}\r`)?.id).toBe(51175358);
    expect(parseArchiveRow(documented.replaceAll('True', 'false'))?.record).toContain('"isBuyerMaker":false');
    expect(parseArchiveRow('0,4.00000100,12.00000000,48.00001200,1499865549590,True,True')?.record).toContain(
      '"time":1499865549590,',
    );
  });

  it.each([
    ['cut anywhere', Array.from({ length: documented.length }, (_, at) => documented.slice(0, at))],
    ['a header', ['id,price,qty,quote_qty,time,is_buyer_maker,is_best_match', '"id","price"']],
    ['an aggregated trade', ['0,0.20000000,50.00000000,0,0,1735689600010866,False,True']],
    ['six columns, as futures have', ['3829,1.0,2.0,2.0,1569514978020,true']],
    [
      'no canonical id',
      [documented.replace('51175358', '051175358'), documented.replace('51175358', '9007199254740991')],
    ],
    [
      'seconds, or a time of another length',
      [
        documented.replace('1735689600010866', '1735689600'),
        documented.replace('1735689600010866', '0735689600010866'),
      ],
    ],
    ['exponents and signs', [documented.replace('17.80180000', '1.7e1'), documented.replace('5.69', '-5.69')]],
  ])('is refused: %s', (_name, lines) => {
    for (const line of lines) expect(parseArchiveRow(line), line).toBeUndefined();
  });
});

describe('looking through a file', () => {
  it('finds the same lines however the stream is cut', async () => {
    const text = fc.array(fc.stringMatching(/^[0-9A-z,.]{0,40}$/), { minLength: 1, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(text, fc.integer({ min: 1, max: 60 }), fc.boolean(), async (lines, size, isEnded) => {
        const whole = lines.join('\n') + (isEnded ? '\n' : '');
        const found: string[] = [];
        for await (const some of linesOf(chunksOf(whole, size))) found.push(...some);
        expect(found).toEqual(whole.split('\n').slice(0, whole.endsWith('\n') || whole === '' ? -1 : undefined));
      }),
    );
  });

  it('trusts ids that come once, in any order', async () => {
    const ids = fc.array(fc.nat(60), { maxLength: 80 });
    await fc.assert(
      fc.asyncProperty(ids, async (drawn) => {
        const { ids: once, repeated } = await survey(drawn.map(row));
        const counts = new Map<number, number>();
        for (const id of drawn) counts.set(id, (counts.get(id) ?? 0) + 1);
        const expected = [...counts].filter(([, count]) => count === 1).map(([id]) => id);
        expect(once.equals(RangeSet.fromIds(expected))).toBe(true);
        expect(repeated).toBe(drawn.length - expected.length);
      }),
    );
  });

  it('counts what it cannot read, but for a header', async () => {
    const lines = ['id,price', row(1), 'x', row(2), '3,NaN,1,1,1735689600010866,True,True'];
    expect(await survey(lines)).toMatchObject({ unreadable: 2, repeated: 0 });
    expect((await survey(['x', 'y'])).unreadable).toBe(1);
  });

  it('gives up a file whose rows are in no order, and a line without end, before they fill the memory', async () => {
    const backwards = Array.from({ length: 100_002 }, (_, at) => row(200_000 - at));
    await expect(survey(backwards)).rejects.toThrow(/its rows are in no order \(100001 read\)/);
    await expect(surveyRows(chunksOf('1'.repeat(5000), 500))).rejects.toThrow(/longer than 1000 bytes/);
  });
});
