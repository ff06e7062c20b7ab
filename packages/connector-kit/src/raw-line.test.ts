import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRawLine, parseRecord, rawLine } from './raw-line.js';

const fields = { product_id: 'BTC-USD', _source: 'coinbase', _symbol: 'BTC-USD' };
const ingestTs = '2026-09-27T15:57:30.000001Z';

function line(record: string, rawPayload = false): string {
  return Buffer.from(rawLine(Buffer.from(record), { fields, rawPayload })).toString();
}

function whole(record: string, rawPayload = false): Buffer {
  return Buffer.from(`${line(record, rawPayload)},"_source_ingest_ts":"${ingestTs}"}`);
}

describe('rawLine', () => {
  it('appends what the object lacks, in order, and leaves the end to the writer', () => {
    expect(line('{"trade_id":1,"price":"1716.1234500"}')).toBe(
      '{"trade_id":1,"price":"1716.1234500","product_id":"BTC-USD","_source":"coinbase","_symbol":"BTC-USD"',
    );
  });

  it('never doubles a member that the object has at its top level, however the key is spelt', () => {
    expect(line('{"trade_id":1,"product\\u005fid":"ETH-USD","_source":null}')).toBe(
      '{"trade_id":1,"product\\u005fid":"ETH-USD","_source":null,"_symbol":"BTC-USD"',
    );
    // Also where it looks like an ordinary record, which is not parsed.
    expect(line('{"trade_id":1,"product\\u005fid":"ETH-USD"}')).toBe(
      '{"trade_id":1,"product\\u005fid":"ETH-USD","_source":"coinbase","_symbol":"BTC-USD"',
    );
  });

  it('is not fooled by keys inside nested objects and texts', () => {
    const record = '{"info":{"product_id":"X"},"note":",\\"_source\\":\\"x\\""}';
    expect(line(record)).toBe(`${record.slice(0, -1)},"product_id":"BTC-USD","_source":"coinbase","_symbol":"BTC-USD"`);
  });

  it('makes one line of an object that was printed over several, and touches nothing else', () => {
    const pretty = '{\n    "trade_id": 1,\r\n\t"price": "9042.88000000"\n  }';
    const [head] = line(pretty).split(',"product_id"');
    expect(head).toBe('{     "trade_id": 1,  \t"price": "9042.88000000"   ');
    expect(JSON.parse(whole(pretty).toString())).toMatchObject({ trade_id: 1, price: '9042.88000000' });
  });

  it('keeps the object once more, exactly, where that is asked for', () => {
    const record = '{\n "a":"\\u00e9 \\"x\\"",\n "b":1.50\n}';
    expect(parseRawLine(whole(record, true)).value._raw_payload).toBe(record);
  });

  it('takes an empty object', () => {
    expect(JSON.parse(whole('{}').toString())).toMatchObject(fields);
  });

  it('reads back as the object and the added members, for any object', () => {
    const keys = fc.oneof(fc.string(), fc.constantFrom('product_id', '_source', '_symbol', 'trade_id', '__proto__'));
    fc.assert(
      fc.property(
        fc.dictionary(keys, fc.jsonValue({ maxDepth: 3 })),
        fc.constantFrom(0, 2),
        fc.boolean(),
        (object, indent, rawPayload) => {
          const record = JSON.stringify(object, undefined, indent);
          const bytes = whole(record, rawPayload);
          const { value, row, ingestTs: readTs } = parseRawLine(bytes);
          expect(bytes.includes(0x0a)).toBe(false);
          expect(Buffer.from(row).toString()).toBe(line(record, rawPayload));
          expect(readTs).toBe(ingestTs);
          const payload = rawPayload ? { _raw_payload: record } : {};
          const { _source_ingest_ts: _dropped, ...rest } = value;
          const byKey = (object: object): string =>
            JSON.stringify(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
          expect(byKey(rest)).toBe(byKey({ ...fields, ...payload, ...(JSON.parse(record) as object) }));
        },
      ),
    );
  });

  it.each(['', '[]', 'null', '{"a":1', '{"a":1}{'])('refuses %j with a SyntaxError', (record) => {
    expect(() => line(record)).toThrow(SyntaxError);
    expect(() => parseRecord(Buffer.from(record))).toThrow(SyntaxError);
  });
});

describe('parseRawLine', () => {
  it('takes the last mark: the exchange may send the same words', () => {
    const record = '{"a":1,"nested":{"x":1,"_source_ingest_ts":"never"}}';
    const read = parseRawLine(whole(record));
    expect(read.ingestTs).toBe(ingestTs);
    expect(Buffer.from(read.row).toString()).toBe(line(record));
  });

  it('refuses every truncation', () => {
    const bytes = whole('{"trade_id":1,"price":"1"}');
    for (let cut = 0; cut < bytes.length; cut++) {
      expect(() => parseRawLine(bytes.subarray(0, cut))).toThrow(SyntaxError);
    }
  });

  it.each([
    '{"a":1}',
    '{"a":1,"_source_ingest_ts":5}',
    '{"a":1,"_source_ingest_ts":"x","b":2}',
    '{"a":{"b":1,"_source_ingest_ts":"x"}}',
  ])('refuses %s', (text) => {
    expect(() => parseRawLine(Buffer.from(text))).toThrow(SyntaxError);
  });
});
