import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { QueryResult, QueryRow, QueryValue } from './engine.js';
import { type FormatOptions, formatResult, textFormats } from './format.js';
import { planLayout } from './format-table.js';
import { resultOf } from './testing/snapshot-fixture.js';

const types = { id: 'BIGINT', symbol: 'VARCHAR', price: 'DOUBLE', ts: 'TIMESTAMP WITH TIME ZONE' };
const rows: QueryRow[] = [
  [1n, 'BTC-USD', 0.1, '2025-12-01T00:00:00.123456Z'],
  [9_007_199_254_740_993n, 'a,"b"\n|c', 8e-8, null],
  [null, '', -0, '2025-12-01T00:00:00.000000Z'],
];

async function text(result: QueryResult, options: FormatOptions): Promise<string> {
  let whole = '';
  for await (const piece of formatResult(result, options)) whole += piece;
  return whole;
}

describe('formatResult', () => {
  it('table', async () => {
    expect(await text(resultOf(types, rows), { format: 'table' })).toBe(
      [
        '              id | symbol    | price | ts',
        '-----------------+-----------+-------+----------------------------',
        '               1 | BTC-USD   |   0.1 | 2025-12-01T00:00:00.123456Z',
        '9007199254740993 | a,"b"\\n|c |  8e-8 | NULL',
        '            NULL |           |    -0 | 2025-12-01T00:00:00Z',
        '(3 rows)',
        '',
      ].join('\n'),
    );
  });

  it('table fits a width and says what was cut', async () => {
    const narrow = await text(resultOf(types, rows), { format: 'table', width: 56 });
    for (const line of narrow.split('\n').slice(0, -2)) expect(line.length).toBeLessThanOrEqual(56);
    expect(narrow).toContain('2025-12-01T00:00…');
    expect(narrow.split('\n').at(-2)).toBe('(3 rows; 2 values cut with … to fit: -o jsonl shows everything)');
    const tiny = await text(resultOf(types, rows), { format: 'table', width: 20 });
    expect(tiny.split('\n').at(-2)).toMatch(/3 columns not shown/);
  });

  it('table shows a time without the zeros behind a whole second: candles need no cut at 80 columns', async () => {
    const candles = { exchange: 'VARCHAR', symbol: 'VARCHAR', bucket: 'TIMESTAMP WITH TIME ZONE', open: 'DOUBLE' };
    const row = (bucket: string): QueryRow => ['COINBASE', 'BTC-USD', bucket, 84825.76];
    const shown = await text(
      resultOf(candles, [row('2026-11-20T10:00:00.000000Z'), row('2026-11-20T10:00:00.100000Z')]),
      { format: 'table' },
    );
    expect(shown).toContain('| 2026-11-20T10:00:00Z        |');
    expect(shown).toContain('| 2026-11-20T10:00:00.100000Z |');
    const narrow = await text(resultOf(candles, [row('2026-11-20T10:00:00.000000Z')]), { format: 'table', width: 53 });
    expect(narrow).toContain('COINBASE | BTC-USD | 2026-11-20T10:00:00Z | 84825.76\n(1 row)\n');
  });

  it('table leaves a column out rather than cut a number or the minute of a time', async () => {
    const forty = await text(resultOf(types, rows), { format: 'table', width: 40 });
    expect(forty).toContain('9007199254740993 | a,"b"\\n|c |  8e-8');
    expect(forty).not.toContain('2025');
    expect(forty.split('\n').at(-2)).toBe('(3 rows; 1 column not shown to fit: -o jsonl shows everything)');
  });

  it('table says when there are more rows', async () => {
    const result = { ...resultOf({ a: 'INTEGER' }, []), rowCount: 1, truncated: true };
    expect(await text(result, { format: 'table' })).toContain('(the first 1 row; there are more)');
  });

  it('table shows control characters instead of sending them', async () => {
    const evil = await text(resultOf({ a: 'VARCHAR' }, [['\u001b[2Jx\u009b\r']]), { format: 'table' });
    expect(evil).toContain('\\x1b[2Jx\\x9b\\x0d');
  });

  it('table cuts what is longer than the first 1,000 rows promised, and keeps all rows', async () => {
    const many: QueryRow[] = Array.from({ length: 2500 }, (_, index) => [index === 2000 ? 'much longer' : 'short']);
    const lines = (await text(resultOf({ a: 'VARCHAR' }, many), { format: 'table' })).split('\n');
    expect(lines).toHaveLength(2 + 2500 + 2);
    expect(lines[2 + 2000]).toBe('much…');
    expect(lines.at(-2)).toContain('1 value cut');
  });

  it('csv', async () => {
    expect(await text(resultOf(types, rows), { format: 'csv' })).toBe(
      [
        'id,symbol,price,ts',
        '1,BTC-USD,0.1,2025-12-01T00:00:00.123456Z',
        '9007199254740993,"a,""b""\n|c",8e-8,',
        ',"",-0,2025-12-01T00:00:00.000000Z',
        '',
      ].join('\n'),
    );
  });

  it('json and jsonl', async () => {
    const lines = [
      '{"id":1,"symbol":"BTC-USD","price":0.1,"ts":"2025-12-01T00:00:00.123456Z"}',
      '{"id":9007199254740993,"symbol":"a,\\"b\\"\\n|c","price":8e-8,"ts":null}',
      '{"id":null,"symbol":"","price":-0,"ts":"2025-12-01T00:00:00.000000Z"}',
    ];
    expect(await text(resultOf(types, rows), { format: 'jsonl' })).toBe(`${lines.join('\n')}\n`);
    expect(await text(resultOf(types, rows), { format: 'json' })).toBe(`[\n${lines.join(',\n')}\n]\n`);
    expect(await text(resultOf(types, []), { format: 'json' })).toBe('[]\n');
    expect(await text(resultOf(types, []), { format: 'jsonl' })).toBe('');
  });

  it('markdown', async () => {
    expect(
      await text(resultOf({ a: 'VARCHAR', b: 'DOUBLE' }, [['x|y\\\nz', Number.NaN]]), { format: 'markdown' }),
    ).toBe('| a | b |\n| --- | --- |\n| x\\|y\\\\<br>z | NaN |\n');
  });

  it('nested values and bytes are JSON', async () => {
    const value = [1n, { k: Number.NaN, t: 'x' }, null] as QueryValue;
    const result = () => resultOf({ v: 'STRUCT', b: 'BLOB' }, [[value, new Uint8Array([1, 255])]]);
    expect(await text(result(), { format: 'jsonl' })).toBe('{"v":[1,{"k":"NaN","t":"x"},null],"b":"\\\\x01ff"}\n');
    expect(await text(result(), { format: 'csv' })).toBe('v,b\n"[1,{""k"":""NaN"",""t"":""x""},null]",\\x01ff\n');
  });

  it('a statement without rows', async () => {
    const outputs = { table: 'OK\n', csv: '', json: '[]\n', jsonl: '', markdown: '' } as const;
    for (const [format, expected] of Object.entries(outputs)) {
      expect(await text(resultOf({}, []), { format: format as keyof typeof outputs })).toBe(expected);
    }
  });

  it('refuses an unknown format and a wrong width', () => {
    expect(() => formatResult(resultOf({}, []), { format: 'xml' as 'csv' })).toThrowError(/must be one of table, json/);
    expect(() => formatResult(resultOf({}, []), { format: 'table', width: Number.NaN })).toThrowError(/width must be/);
  });

  it('passes a failure half-way on', async () => {
    const failing = (): QueryResult => ({
      ...resultOf({ a: 'INTEGER' }, []),
      rows: (async function* () {
        yield [[1]];
        throw new Error('half-way');
      })(),
    });
    for (const format of textFormats) await expect(text(failing(), { format })).rejects.toThrow('half-way');
  });

  const value = fc.oneof(fc.string({ unit: 'binary' }), fc.double(), fc.boolean(), fc.constant(null), fc.bigInt());

  it('jsonl gives every value back', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.string({ unit: 'binary' }), fc.double({ noNaN: true, noDefaultInfinity: true }))),
        async (pairs) => {
          const lines = (await text(resultOf({ s: 'VARCHAR', d: 'DOUBLE' }, pairs), { format: 'jsonl' })).split('\n');
          expect(lines.slice(0, -1).map((line) => JSON.parse(line))).toEqual(pairs.map(([s, d]) => ({ s, d })));
        },
      ),
    );
  });

  it('csv gives every field back, and tells null from empty text', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(value, value), { maxLength: 5 }), async (pairs) => {
        const csv = await text(resultOf({ a: 'VARCHAR', b: 'VARCHAR' }, pairs), { format: 'csv' });
        const expected = pairs.map((pair) =>
          pair.map((one) => (Object.is(one, -0) ? '-0' : one === null ? null : String(one))),
        );
        expect(parseCsv(csv).slice(1)).toEqual(expected);
      }),
    );
  });

  it('table lines never exceed the width', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(value, { minLength: 6, maxLength: 6 }), { maxLength: 5 }),
        fc.integer({ min: 10, max: 120 }),
        async (table, width) => {
          const names = Object.fromEntries(['a', 'bb', 'ccc', 'd', 'e', 'f'].map((name) => [name, 'VARCHAR']));
          const lines = (await text(resultOf(names, table), { format: 'table', width })).split('\n');
          expect(lines).toHaveLength(table.length + 4);
          for (const line of lines.slice(0, -2)) expect([...line].length).toBeLessThanOrEqual(width);
        },
      ),
    );
  });
});

describe('planLayout', () => {
  it('fits, uses the room there is, and widens no column', () => {
    const widths = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 12 });
    const kinds = fc.array(fc.constantFrom(8, 16), { minLength: 12, maxLength: 12 });
    fc.assert(
      fc.property(widths, fc.integer({ min: 1, max: 300 }), kinds, (natural, width, least) => {
        const layout = planLayout(natural, width, least);
        const used = layout.widths.reduce((sum, one) => sum + one, 0) + 3 * (layout.widths.length - 1);
        expect(layout.widths.length + layout.hidden).toBe(natural.length);
        expect(used).toBeLessThanOrEqual(width);
        const full =
          natural.slice(0, layout.widths.length).reduce((sum, one) => sum + one, 0) + 3 * (layout.widths.length - 1);
        expect(used).toBe(Math.min(full, width));
        layout.widths.forEach((one, index) => {
          expect(one).toBeLessThanOrEqual(natural[index] as number);
          if (layout.widths.length > 1)
            expect(one).toBeGreaterThanOrEqual(Math.min(least[index] as number, natural[index] as number));
        });
      }),
    );
  });
});

/** A second opinion on RFC 4180: unquoted empty fields are null. */
function parseCsv(csv: string): (string | null)[][] {
  const records: (string | null)[][] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",\n]*))([,\n])/gy;
  const record: (string | null)[] = [];
  for (let found = field.exec(csv); found; found = field.exec(csv)) {
    const [, quoted, bare, end] = found;
    record.push(quoted === undefined ? bare || null : quoted.replaceAll('""', '"'));
    if (end === '\n') records.push(record.splice(0));
  }
  return records;
}
