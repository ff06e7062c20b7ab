import { type ColumnBatch, columnOf, rowAt, textAt } from '@schemahub/columns';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createScanner, loadMapping, MappingError, type Scanner, ScannerStateError } from './index.js';
import { createScannerFor } from './scanner.js';
import {
  coinbaseMapping,
  readings,
  readingsMapping,
  things,
  thingsMapping,
  trades,
  tradesWithDecimals,
} from './test-tables.js';

const encoder = new TextEncoder();
const mapping = await loadMapping(coinbaseMapping, { schemas: [trades, tradesWithDecimals] });
const thing = await loadMapping(thingsMapping, { schemas: [things] });

function tradeLine(id: number | string, changes: Readonly<Record<string, unknown>> = {}): string {
  const record = {
    trade_id: id,
    side: 'buy',
    size: '0.00000008',
    price: '84429.83000000',
    time: '2026-09-27T15:57:28.610277Z',
    product_id: 'BTC-USD',
    _source: 'coinbase',
    _symbol: 'BTC-USD',
    _source_ingest_ts: '2026-09-27T16:00:00.123000Z',
    ...changes,
  };
  return `${JSON.stringify(record)}\n`;
}

function scan(scanner: Scanner, source: string, text: string): ReturnType<Scanner['end']> {
  scanner.begin(source);
  scanner.feed(encoder.encode(text));
  return scanner.end();
}

function ids(batch: ColumnBatch): string[] {
  return Array.from({ length: batch.rows }, (_, row) => textAt(columnOf(batch, 'trade_id'), row));
}

describe('createScanner', () => {
  it('reads pieces of many lines as it reads them one by one: two shapes, dictionaries of many texts, unwanted ids', () => {
    // More than a megabyte and more than 8,192 lines at once: neither ends where a piece for the compiled kernel does.
    const lines = Array.from({ length: 12_000 }, (_, row) => {
      const changes = {
        side: row % 3 === 0 ? 'sell' : 'buy',
        price: `${1 + (row % 977)}.${String(row).padStart(8, '0')}`,
        time: new Date(1_790_000_000_000 + row * 37_000).toISOString(),
        _symbol: row < 9000 ? 'BTC-USD' : `T${row % 40}-USD`,
        ...(row % 1000 === 999 ? { extra: 'field' } : {}),
        ...(row % 500 === 7 ? { size: '0.000000000000000000001234567890123' } : {}),
      };
      return tradeLine(row + 1, changes);
    });
    const text = lines.join('');
    expect(text.length).toBeGreaterThan(2 ** 20);
    const results = [0, Number.POSITIVE_INFINITY].map((smallestPiece) => {
      const scanner = createScannerFor({ mapping, schema: trades, keepId: (id) => id % 101 !== 0 }, smallestPiece);
      const first = scan(scanner, 'all', text);
      const batch = scanner.take();
      // The kernel is given back in between, and met again with all that it had learned gone.
      return [first, batch, scan(scanner, 'again', text), scanner.take(), scanner.report()];
    });
    expect(results[0]).toEqual(results[1]);
    const [, batch] = results[0] as [unknown, ColumnBatch];
    expect(ids(batch)).toEqual(
      lines
        .map((_, row) => row + 1)
        .filter((id) => id % 101 !== 0)
        .map(String),
    );
  });

  it('keeps many sources in one batch, and accounts for each', () => {
    const scanner = createScanner({ mapping, schema: trades, capacity: 1 });
    expect(scan(scanner, 'one', tradeLine(1) + tradeLine('2') + tradeLine(5))).toEqual({
      source: 'one',
      records: 3,
      rows: 3,
      skipped: 0,
      refused: 0,
      damaged: 0,
      firstId: 1,
      lastId: 5,
      ascending: true,
      bytes: tradeLine(1).length * 3 + 2,
    });
    expect(scan(scanner, 'two', tradeLine(9) + tradeLine(9))).toMatchObject({
      ascending: false,
      firstId: 9,
      lastId: 9,
    });
    expect(scan(scanner, 'three', tradeLine(9) + tradeLine(8))).toMatchObject({ ascending: false });
    expect(scan(scanner, 'none', '')).toMatchObject({
      records: 0,
      firstId: undefined,
      lastId: undefined,
      ascending: true,
    });
    expect(scanner.rows).toBe(7);
    const batch = scanner.take();
    expect(ids(batch)).toEqual(['1', '2', '5', '9', '9', '9', '8']);
    expect(batch.columns.map((column) => column.kind)).toEqual([
      'dictionary',
      'dictionary',
      'id',
      'dictionary',
      'double',
      'double',
      'timestamp',
      'timestamp',
    ]);
    expect(rowAt(batch, 0)).toEqual({
      exchange: 'COINBASE',
      symbol: 'BTC-USD',
      trade_id: '1',
      side: 'SELL',
      price: 84429.83,
      quantity: 8e-8,
      trade_ts: 1_790_524_648_610_277,
      ingest_ts: 1_790_524_800_123_000,
    });
    expect(scanner.rows).toBe(0);
    expect(scanner.report()).toMatchObject({ rows: 7, newFields: [], vanishedFields: [], damaged: [], refused: [] });
  });

  it('takes the fast way for ordinary lines: one slow line for each shape', () => {
    const scanner = createScanner({ mapping, schema: trades });
    const numbered = Array.from({ length: 500 }, (_, id) => tradeLine(id, { price: `${id + 1}.5` })).join('');
    const quoted = Array.from({ length: 500 }, (_, id) => tradeLine(String(500 + id), { side: 'sell' })).join('');
    scan(scanner, 'both', numbered + quoted);
    expect(scanner.report()).toMatchObject({ rows: 1000, slowLines: 2 });
    // Raw payloads, nested objects and unknown fields do not slow it down either.
    const payloads = Array.from({ length: 100 }, (_, id) =>
      tradeLine(2000 + id, {
        maker: { order: `m-${id}`, fills: [id, null, true] },
        _raw_payload: `{"trade_id":${id},"note":"\u0009\\ \u007f"}`,
      }),
    ).join('');
    scan(scanner, 'payloads', payloads);
    expect(scanner.report()).toMatchObject({ rows: 1100, slowLines: 3, newFields: ['maker'] });
  });

  it('knows more shapes than one at a time, and stops learning from a source of ever new shapes', () => {
    const scanner = createScanner({ mapping, schema: trades });
    const shapes = Array.from({ length: 16 }, (_, shape) => ({ [`extra_${shape}`]: 1 }));
    scan(scanner, 'mixed', Array.from({ length: 800 }, (_, id) => tradeLine(id, shapes[id % 16])).join(''));
    expect(scanner.report().slowLines).toBe(16);
    scan(
      scanner,
      'new shapes',
      Array.from({ length: 300 }, (_, id) => tradeLine(1000 + id, { [`field ${id}`]: 1 })).join(''),
    );
    expect(scanner.report()).toMatchObject({ rows: 1100, slowLines: 316 });
    // The last shapes learned are used again.
    scan(scanner, 'known', tradeLine(5000, { 'field 63': 1 }));
    expect(scanner.report().slowLines).toBe(316);
  });

  it('reports new fields, at most 256 of them, and vanished ones', () => {
    const scanner = createScanner({ mapping, schema: trades });
    expect(scanner.report().vanishedFields).toEqual([]);
    scan(scanner, 'a', tradeLine(1, { side: undefined, zébra: 1, liquidity: 'x' }));
    expect(scanner.report()).toMatchObject({ newFields: ['liquidity', 'zébra'], vanishedFields: ['side'] });
    scan(
      scanner,
      'b',
      Array.from({ length: 400 }, (_, id) => tradeLine(id + 2, { [`f${id}${'x'.repeat(500)}`]: 1 })).join(''),
    );
    expect(scanner.report().newFields).toHaveLength(256);
    expect(scanner.report().newFields[0]!.length).toBeLessThanOrEqual(256);
    expect(scanner.report().vanishedFields).toEqual([]);
  });

  it('lists refused records with their bytes, and counts those beyond the cap', () => {
    const scanner = createScanner({ mapping, schema: trades, maxRefusals: 2 });
    const bad = tradeLine(7, { price: '0' });
    const scanned = scan(
      scanner,
      'object-1',
      `${tradeLine(6)}\r\n${bad.trimEnd()}\r\n${tradeLine(8, { size: 'x' })}${tradeLine(9, { side: '' })}oops\n{}\n\u00e9`,
    );
    expect(scanned).toMatchObject({ records: 4, rows: 1, refused: 3, damaged: 3, firstId: 6, lastId: 9 });
    const report = scanner.report();
    expect(report.refused).toMatchObject([
      { source: 'object-1', line: 3, id: 7, reason: 'price is "0"; expected more than 0' },
      { source: 'object-1', line: 4, id: 8 },
    ]);
    expect(new TextDecoder().decode(report.refused[0]!.record)).toBe(bad.trimEnd());
    expect(report).toMatchObject({ refusedBeyond: 1, damagedBeyond: 1 });
    expect(report.damaged.map(({ line }) => line)).toEqual([6, 7]);
  });

  it('skips unwanted ids whatever else the record holds, and leaves no trace of them in dictionaries', () => {
    const scanner = createScanner({ mapping, schema: trades, keepId: (id) => id >= 10 });
    const text =
      tradeLine(1) +
      tradeLine(2, { _symbol: 'ETH-USD' }) +
      tradeLine(3, { price: '0' }) +
      tradeLine(12, { _symbol: 'SOL-USD' });
    expect(scan(scanner, 's', text)).toMatchObject({
      records: 4,
      rows: 1,
      skipped: 3,
      refused: 0,
      firstId: 1,
      lastId: 12,
    });
    expect(columnOf(scanner.take(), 'symbol')).toMatchObject({ values: ['SOL-USD'] });
  });

  it('discards a damaged source completely: rows, counts, refusals', () => {
    const scanner = createScanner({ mapping, schema: trades });
    scan(scanner, 'good', tradeLine(1) + tradeLine(2, { price: '0' }));
    const before = scanner.report();
    scan(scanner, 'bad', `${tradeLine(3)}${tradeLine(4, { price: '0' })}broken\n`);
    scanner.discard();
    expect(scanner.report()).toEqual(before);
    expect(() => scanner.discard()).toThrow(ScannerStateError);
    scanner.begin('torn');
    scanner.feed(encoder.encode(`${tradeLine(5)}{"trade_id":`));
    scanner.discard();
    scan(scanner, 'next', tradeLine(6));
    expect(scanner.report()).toMatchObject({ rows: 2, refusedBeyond: 0, damaged: [] });
    expect(ids(scanner.take())).toEqual(['1', '6']);
    scan(scanner, 'last', tradeLine(7));
    scanner.take();
    expect(() => scanner.discard()).toThrow('take');
    expect(scanner.report().rows).toBe(3);
  });

  it('may be emptied within a source', () => {
    const scanner = createScanner({ mapping, schema: trades, capacity: 4 });
    scanner.begin('long');
    const taken: string[] = [];
    for (let id = 0; id < 50; id += 1) {
      scanner.feed(encoder.encode(tradeLine(id, { _symbol: `S${id % 7}` })));
      if (scanner.rows >= 7) taken.push(...ids(scanner.take()));
    }
    expect(scanner.end()).toMatchObject({ rows: 50, ascending: true });
    expect([...taken, ...ids(scanner.take())]).toEqual(Array.from({ length: 50 }, (_, id) => String(id)));
  });

  it('reads a megabyte line, and calls a longer one than allowed damage, wherever it is cut', () => {
    const long = tradeLine(1, { note: 'x'.repeat(1_000_000) });
    const scanner = createScanner({ mapping, schema: trades });
    scanner.begin('long');
    const bytes = encoder.encode(long + long.replace('"trade_id":1', '"trade_id":2'));
    for (let at = 0; at < bytes.length; at += 70_001) scanner.feed(bytes.subarray(at, at + 70_001));
    expect(scanner.end()).toMatchObject({ rows: 2 });
    const fitting = tradeLine(5, { note: 'x' });
    for (const step of [1, 7, 50, 10_000]) {
      const strict = createScanner({ mapping, schema: trades, maxLineBytes: fitting.length - 1 });
      // The first too long line has a known shape, the second one is the last and has no line end.
      const text = encoder.encode(
        fitting + fitting + tradeLine(6, { note: 'xx' }) + fitting + tradeLine(7, { other: 1, note: 'x' }).trimEnd(),
      );
      strict.begin('s');
      for (let at = 0; at < text.length; at += step) strict.feed(text.subarray(at, at + step));
      expect(strict.end()).toMatchObject({ rows: 3, damaged: 2 });
      expect(strict.report().damaged.map(({ line }) => line)).toEqual([3, 5]);
    }
  });

  it('turns a column with too many distinct texts into text, and back for the next batch', () => {
    const scanner = createScanner({ mapping, schema: trades });
    const lines = Array.from({ length: 70_000 }, (_, id) => tradeLine(id, { _symbol: `SYMBOL-${id}` })).join('');
    scan(scanner, 'many', lines);
    const batch = scanner.take();
    const symbol = columnOf(batch, 'symbol');
    expect(symbol.kind).toBe('text');
    for (let row = 0; row < batch.rows; row += 1)
      if (textAt(symbol, row) !== `SYMBOL-${row}`) expect.fail(`row ${row}`);
    expect(textAt(symbol, 69_999)).toBe('SYMBOL-69999');
    expect(scanner.report().slowLines).toBe(1);
    scan(scanner, 'few', tradeLine(1));
    expect(columnOf(scanner.take(), 'symbol')).toMatchObject({ kind: 'dictionary', values: ['BTC-USD'] });
  });

  it('keeps every decimal as Number reads it, bit by bit, and counts those that a double loses', () => {
    const texts = fc.oneof(
      fc.tuple(fc.nat(9_999_999), fc.nat(99_999_999)).map(([a, b]) => `${a}.${String(b).padStart(8, '0')}1`),
      fc.double({ min: 5e-324, noNaN: true, max: 1e300 }).map(String),
      fc.tuple(fc.bigInt({ min: 1n, max: 10n ** 25n }), fc.nat(30)).map(([digits, scale]) => {
        const padded = String(digits).padStart(scale + 1, '0');
        return scale === 0 ? padded : `${padded.slice(0, -scale)}.${padded.slice(-scale)}`;
      }),
    );
    fc.assert(
      fc.property(fc.array(texts, { minLength: 1, maxLength: 50 }), (prices) => {
        const scanner = createScanner({ mapping, schema: trades });
        scan(scanner, 's', tradeLine(0) + prices.map((price, index) => tradeLine(index + 1, { price })).join(''));
        const batch = scanner.take();
        const values = columnOf(batch, 'price').values as Float64Array;
        expect([...values.subarray(1, batch.rows)]).toEqual(prices.map(Number));
      }),
    );
    const scanner = createScanner({ mapping, schema: trades });
    scan(
      scanner,
      's',
      ['1.5', '0.1234567890123456789', '9007199254740993', '9007199254740992', '123456789012345.6']
        .map((price, id) => tradeLine(id, { price }))
        .join(''),
    );
    expect(scanner.report().inexactDecimals).toBe(2);
  });

  it('lets NaN and infinite values out by no way', () => {
    const texts = [
      'NaN',
      'Infinity',
      '-Infinity',
      '1e400',
      '1e309',
      'null',
      '',
      '1..2',
      '1.2.3',
      '1-2',
      '1e',
      'e5',
      '1e+',
    ];
    const scanner = createScanner({ mapping, schema: trades });
    scan(scanner, 's', tradeLine(0) + texts.map((price, index) => tradeLine(index + 1, { price })).join(''));
    expect(scanner.report()).toMatchObject({ rows: 1 });
    expect(scanner.report().refused).toHaveLength(texts.length);
  });

  it('fills text ids and every kind of column', () => {
    const scanner = createScanner({ mapping: thing, schema: things });
    const line = '{"id":"x-1","n":2,"f":false,"t":1700000000123,"w":1.5}\n';
    expect(scan(scanner, 's', line + line)).toMatchObject({
      rows: 2,
      firstId: undefined,
      lastId: undefined,
      ascending: false,
    });
    const batch = scanner.take();
    expect(rowAt(batch, 1)).toEqual(rowAt(batch, 0));
    expect(rowAt(batch, 1)).toEqual({
      kind: 'thing',
      name: 'two',
      count: 2,
      flag: false,
      seen: 1_700_000_000_123_000,
      weight: 1.5,
      exact: '1.5',
      unused: null,
      level: 7,
      thing_id: 'x-1',
    });
    expect(columnOf(batch, 'name').nulls).toBeUndefined();
  });

  it('leaves no null of a skipped row to the row that takes its place', async () => {
    const mapping = await loadMapping(readingsMapping, { schemas: [readings] });
    const scanner = createScanner({ mapping, schema: readings, keepId: (id) => id % 10 !== 0 });
    const full = (id: number): string =>
      `{"id":${id},"v":1.5,"at":"2026-09-27T15:57:28Z","stored":1700000000123,"u":"m"}\n`;
    const empty = (id: number): string => `{"id":${id},"v":null,"at":null,"stored":null,"u":null}\n`;
    const huge = (id: number): string => full(id).replace('1.5', '"1e300"');
    scan(
      scanner,
      's',
      full(1) + empty(2) + huge(3) + huge(4) + empty(10) + full(11) + empty(20) + huge(30) + full(31) + empty(32),
    );
    const batch = scanner.take();
    const values = { value: 1.5, at: 1_790_524_648_000_000, stored_at: 1_700_000_000_123_000, unit: 'm', exact: '1.5' };
    const nothing = { value: null, at: null, stored_at: null, unit: null, exact: null };
    expect(Array.from({ length: batch.rows }, (_, row) => rowAt(batch, row))).toEqual([
      { reading_id: 1, ...values },
      { reading_id: 2, ...nothing },
      { reading_id: 3, ...values, value: 1e300, exact: null },
      { reading_id: 4, ...values, value: 1e300, exact: null },
      { reading_id: 11, ...values },
      { reading_id: 31, ...values },
      { reading_id: 32, ...nothing },
    ]);
    expect(scanner.report()).toMatchObject({ decimalOverflows: 2, skipped: 3 });
  });

  it('refuses misuse with a sentence', () => {
    expect(() => createScanner({ mapping, schema: trades, capacity: 0 })).toThrow('capacity is 0; expected');
    expect(() => createScanner({ mapping, schema: trades, maxRefusals: 1.5 })).toThrow(RangeError);
    expect(() => createScanner({ mapping, schema: things })).toThrow(MappingError);
    expect(() => createScanner({ mapping: thing, schema: things, keepId: () => true })).toThrow('text ids');
    const scanner = createScanner({ mapping, schema: trades });
    expect(() => scanner.feed(new Uint8Array(1))).toThrow(ScannerStateError);
    expect(() => scanner.end()).toThrow('begin');
    scanner.begin('a');
    expect(() => scanner.begin('b')).toThrow('still open');
  });
});
