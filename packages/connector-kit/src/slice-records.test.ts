import { ExchangeError } from '@schemahub/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sliceRecords } from './slice-records.js';

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function textOf(record: Uint8Array): string {
  return new TextDecoder().decode(record);
}

/** Elements written with random whitespace around every separator, as a venue may print them. */
const spaced = fc
  .array(fc.tuple(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom('', ' ', '\n  ', '\t\r\n'), fc.constantFrom(0, 2)))
  .map((elements) => {
    const texts = elements.map(([value, , indent]) => JSON.stringify(value, undefined, indent));
    const body = `[${elements.map(([, space], at) => `${space}${texts[at]}${space}`).join(',')}]`;
    return { texts, body };
  });

describe('sliceRecords', () => {
  it('gives every element byte for byte, whatever it holds', () => {
    fc.assert(
      fc.property(spaced, ({ texts, body }) => {
        const { records, values } = sliceRecords(bytes(body));
        expect(records.map(textOf)).toEqual(texts);
        expect(values).toEqual(texts.map((text) => JSON.parse(text) as unknown));
      }),
    );
  });

  it('is not fooled by brackets, quotes, commas and backslashes inside texts', () => {
    const texts = [
      '{"a":"]},{\\"","b":"\\\\"}',
      '{"c":"[1,2,3]\\\\\\","}',
      '{"ключ":"}…,\u{1F600}["}',
      '"x,y"',
      '[[1,2],[3]]',
    ];
    expect(sliceRecords(bytes(`[${texts.join(' ,\n')}]`)).records.map(textOf)).toEqual(texts);
  });

  it('keeps digits that a number would lose', () => {
    const text = '{"trade_id":9007199254740991,"price":"1716.1234500","size":12345678901234567890.10}';
    expect(textOf(sliceRecords(bytes(`[${text}]`)).records[0]!)).toBe(text);
  });

  it('copies nothing: records are views on the body', () => {
    const body = bytes('[{"a":1},{"b":2}]');
    for (const record of sliceRecords(body).records) expect(record.buffer).toBe(body.buffer);
  });

  it('gives the rows of an envelope byte for byte, whatever stands around them', () => {
    const text = fc.constantFrom('', 'data', '"data":[1]', 'a [ and a ]', '\u{1F600}');
    const around = fc.record({ code: text, msg: text });
    const order = fc.constantFrom('first', 'last');
    fc.assert(
      fc.property(spaced, around, order, ({ texts, body }, others, where) => {
        const rest = JSON.stringify(others).slice(1, -1);
        const envelope = where === 'first' ? `{"data" : ${body}, ${rest}}` : `{${rest},"data":${body}}`;
        const { records, values } = sliceRecords(bytes(envelope), undefined, 'data');
        expect(records.map(textOf)).toEqual(texts);
        expect(values).toEqual(texts.map((row) => JSON.parse(row) as unknown));
      }),
    );
  });

  it.each(['{"code":"0"}', '{"data":{}}', '{"data":"[]"}', '[]', 'null', '5', '{"data":[1,2'])(
    'refuses an envelope without rows: %s',
    (body) => {
      const broken = { name: 'ExchangeError', kind: 'transient', transient: 'body' };
      expect(() => sliceRecords(bytes(body), undefined, 'data')).toThrow(expect.objectContaining(broken));
    },
  );

  it('refuses every truncation of a body: a cut page must not pass for a short one', () => {
    fc.assert(
      fc.property(spaced, fc.nat(), ({ body }, cut) => {
        const whole = bytes(body);
        const part = whole.subarray(0, cut % whole.length);
        expect(() => sliceRecords(part)).toThrow(ExchangeError);
      }),
    );
  });

  it.each(['', '{}', 'null', '"[]"', '[1,]', '[1}', '[1]]', '[1][2]', '<html></html>', '\u{FEFF}[]'])(
    'refuses %j as a transient body',
    (body) => {
      expect(() => sliceRecords(bytes(body), 'https://venue.example/trades')).toThrow(
        expect.objectContaining({
          kind: 'transient',
          transient: 'body',
          retryable: true,
          url: 'https://venue.example/trades',
        }),
      );
    },
  );

  it('refuses bytes that are no UTF-8', () => {
    expect(() => sliceRecords(Uint8Array.of(0x5b, 0x22, 0xc3, 0x28, 0x22, 0x5d))).toThrow(ExchangeError);
  });
});
