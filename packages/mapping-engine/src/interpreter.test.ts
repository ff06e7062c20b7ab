import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createInterpreter, type Interpretation, loadMapping, MappingError } from './index.js';
import { coinbaseMapping, things, thingsMapping, trades, tradesWithDecimals } from './test-tables.js';
import { microsFromEpoch, microsFromIso8601 } from './timestamps.js';

const encoder = new TextEncoder();
const coinbase = await loadMapping(coinbaseMapping, { schemas: [trades, tradesWithDecimals] });
const thing = await loadMapping(thingsMapping, { schemas: [things] });
const interpretTrade = createInterpreter(coinbase, trades);
const interpretThing = createInterpreter(thing, things);

type Row = Extract<Interpretation, { kind: 'row' }>;

const record = {
  trade_id: 1099147579,
  side: 'buy',
  size: '0.00000008',
  price: '84429.83000000',
  time: '2026-09-27T15:57:28.610277Z',
  _symbol: 'BTC-USD',
  _source_ingest_ts: '2026-09-27T16:00:00.123000Z',
};
const trade = (changes: object = {}): Interpretation =>
  interpretTrade(encoder.encode(JSON.stringify({ ...record, ...changes })));
const line = (text: string): Interpretation => interpretTrade(encoder.encode(text));
const thingOf = (members: object): Interpretation => interpretThing(encoder.encode(JSON.stringify(members)));

describe('createInterpreter', () => {
  it('maps a Coinbase trade: digits exact, the side the taker’s, times to the µs', () => {
    expect(trade()).toEqual({
      kind: 'row',
      values: [
        'COINBASE',
        'BTC-USD',
        '1099147579',
        'SELL',
        84429.83,
        8e-8,
        1_790_524_648_610_277,
        1_790_524_800_123_000,
      ],
      id: 1099147579,
      inexactDecimals: 0,
      decimalOverflows: 0,
    });
  });

  it('calls a line without JSON or id damage', () => {
    const damaged: [string, string][] = [
      ['', 'not JSON'],
      ['{"trade_id":5', 'not JSON'],
      ['[1]', 'not an object'],
      ['null', 'not an object'],
      ['{}', 'no id'],
      ['{"trade_id":null}', 'no id'],
      ['{"trade_id":{}}', 'no id'],
      ['{"trade_id":"007"}', 'no id'],
      ['{"trade_id":1.0}', 'no id'],
      ['{"trade_id":-1}', 'no id'],
      ['{"trade_id":9007199254740992}', 'no id'],
      ['{"trade_id":9007199254740990.6}', 'no id'],
      [`${'['.repeat(100_000)}`, 'not JSON'],
    ];
    for (const [text, reason] of damaged)
      expect(line(text)).toMatchObject({ kind: 'damaged', reason: expect.stringContaining(reason) });
    expect(interpretTrade(Uint8Array.of(0x7b, 0xff, 0x7d))).toMatchObject({
      kind: 'damaged',
      reason: 'the line is not UTF-8',
    });
  });

  it('refuses a record of which a column can make nothing, with its id and the reason', () => {
    const refused: [object, string][] = [
      [{ price: '0' }, 'price is "0"; expected more than 0'],
      [{ price: -1 }, 'expected more than 0'],
      [{ price: 'NaN' }, 'expected a decimal number'],
      [{ price: 'Infinity' }, 'expected a decimal number'],
      [{ price: '1e999' }, 'beyond what a DOUBLE holds'],
      [{ price: '1e-999' }, 'expected more than 0'],
      [{ price: null }, 'price is missing or null'],
      [{ price: undefined }, 'price is missing or null'],
      [{ price: ['1'] }, 'is an object or array'],
      [{ size: '' }, 'quantity (field size)'],
      [{ side: 'hold' }, "expected the maker's side"],
      [{ time: '0001-01-01T00:00:00.000000Z' }, 'before 1970'],
      [{ time: '2026-02-30T00:00:00Z' }, 'not a date and time'],
      [{ time: 1690000000 }, 'not an ISO 8601 time'],
      [{ _symbol: '\ud800' }, 'half a surrogate pair'],
    ];
    for (const [changes, reason] of refused) {
      expect(trade(changes)).toMatchObject({
        kind: 'refused',
        id: 1099147579,
        reason: expect.stringContaining(reason),
      });
    }
  });

  it('keeps the digits of JSON numbers as they stand in the line, also beyond 2^53', () => {
    const wide = createInterpreter(coinbase, tradesWithDecimals);
    const text = JSON.stringify(record).replace('"84429.83000000"', '12345678901234567.123456789012345678');
    expect(wide(encoder.encode(text))).toMatchObject({ kind: 'row', inexactDecimals: 1 });
    expect((wide(encoder.encode(text)) as Row).values.slice(8)).toEqual([
      '12345678901234567.123456789012345678',
      '0.00000008',
    ]);
    const huge = wide(encoder.encode(JSON.stringify({ ...record, price: '123456789012345678901.5' })));
    expect(huge).toMatchObject({ kind: 'row', decimalOverflows: 1 });
    expect((huge as Row).values[8]).toBeNull();
  });

  it('lets the last of equal keys count, as JSON.parse does', () => {
    const text = JSON.stringify(record).replace('{', '{"price":"1","__proto__":{"price":5},"nested":{"trade_id":1},');
    expect(line(text)).toMatchObject({ kind: 'row', id: 1099147579 });
    expect((line(text) as Row).values[4]).toBe(84429.83);
    expect(line(JSON.stringify(record).replace('}', ',"\\u0074rade_id":"7"}'))).toMatchObject({ id: 7 });
  });

  it('fills every type, defaults and nulls', () => {
    expect(thingOf({ id: 'x', n: 2, f: true, t: '1700000000123', w: '1.50' })).toMatchObject({
      values: ['thing', 'two', 2, true, 1_700_000_000_123_000, 1.5, '1.5', null, 7, 'x'],
    });
    expect(thingOf({ id: 'x' })).toMatchObject({
      values: ['thing', 'none', null, null, null, null, null, null, 7, 'x'],
    });
    expect(thingOf({ id: 'x', n: '5' })).toMatchObject({
      kind: 'refused',
      reason: expect.stringContaining('expected one of 1, 2, 10'),
    });
    expect(thingOf({ id: 'x', f: 1 })).toMatchObject({
      kind: 'refused',
      reason: expect.stringContaining('true or false'),
    });
    expect(thingOf({ id: 'x', w: -5.01 })).toMatchObject({
      kind: 'refused',
      reason: expect.stringContaining('at least -5'),
    });
    expect(thingOf({ id: '' })).toMatchObject({ kind: 'damaged' });
  });

  it('refuses the schema of another table or of another variant', () => {
    expect(() => createInterpreter(coinbase, things)).toThrow(MappingError);
    const extended = {
      ...trades,
      columns: [...trades.columns, { name: 'fee', fieldId: 11, type: 'double' as const, nullable: false, doc: '' }],
    };
    expect(() => createInterpreter(coinbase, extended)).toThrow('column fee');
    expect(() => createInterpreter(coinbase, { ...trades, columns: trades.columns.slice(0, 6) })).toThrow('lacks');
  });
});

describe('times', () => {
  const iso: [string, number | string][] = [
    ['2026-09-27T15:57:28Z', 1_790_524_648_000_000],
    ['2026-09-27T15:57:28.7Z', 1_790_524_648_700_000],
    ['2026-09-27T15:57:28.77Z', 1_790_524_648_770_000],
    ['2026-09-27T15:57:28.44524Z', 1_790_524_648_445_240],
    ['2026-09-27T15:57:28.610277Z', 1_790_524_648_610_277],
    ['2026-09-27T15:57:28.610277999Z', 1_790_524_648_610_277],
    ['2026-09-27 17:57:28.610277+02', 1_790_524_648_610_277],
    ['2026-09-27T10:27:28.610277-0530', 1_790_524_648_610_277],
    ['2026-09-27t15:57:28.610277+00:00', 1_790_524_648_610_277],
    ['1970-01-01T00:00:00.000001Z', 1],
    ['2024-02-29T12:00:00Z', 1_709_208_000_000_000],
    ['1969-12-31T23:59:59.999999Z', 'is before 1970'],
    ['0001-01-01T00:00:00.000000Z', 'is before 1970'],
    // Date.UTC takes 70 for 1970.
    ['0070-01-01T00:00:00Z', 'is before 1970'],
    ['2255-06-05T23:47:34.740991Z', Number.MAX_SAFE_INTEGER],
    ['2255-06-05T23:47:34.740992Z', 'is after June 2255, beyond what a timestamp holds'],
    ['2023-02-29T12:00:00Z', 'is not a date and time'],
    ['2023-00-10T12:00:00Z', 'is not a date and time'],
    ['2023-13-10T12:00:00Z', 'is not a date and time'],
    ['2016-12-31T23:59:60Z', 'is not a date and time'],
    ['2016-12-31T24:00:00Z', 'is not a date and time'],
  ];
  it.each(iso)('%s is %s', (text, expected) => {
    expect(microsFromIso8601(text)).toBe(expected);
  });

  it('agree with Date for every millisecond from 1970 to 2255', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9_007_199_254_739 }), fc.nat(999), (milliseconds, micros) => {
        const text = new Date(milliseconds).toISOString().replace('Z', `${String(micros).padStart(3, '0')}Z`);
        expect(microsFromIso8601(text)).toBe(milliseconds * 1000 + micros);
      }),
    );
  });

  it('counted since 1970 are exact to the µs in every unit', () => {
    expect(microsFromEpoch('1688669597.8277369', 'from_s')).toBe(1_688_669_597_827_737);
    expect(microsFromEpoch('1517940026.1831', 'from_s')).toBe(1_517_940_026_183_100);
    expect(microsFromEpoch('1700000000123', 'from_ms')).toBe(1_700_000_000_123_000);
    expect(microsFromEpoch('1700000000123456', 'from_us')).toBe(1_700_000_000_123_456);
    expect(microsFromEpoch('1700000000123456.9', 'from_us')).toBe(1_700_000_000_123_456);
    expect(microsFromEpoch('1756123456789012999', 'from_ns')).toBe(1_756_123_456_789_012);
    expect(microsFromEpoch('0', 'from_ns')).toBe(0);
    expect(microsFromEpoch('0.0000005', 'from_s')).toBe(1);
    expect(microsFromEpoch('0.00000049', 'from_s')).toBe(0);
    expect(microsFromEpoch('1e999999999', 'from_s')).toContain('after June 2255');
    expect(microsFromEpoch('1735689600', 'from_epoch')).toBe(1_735_689_600_000_000);
    expect(microsFromEpoch('1735689600010', 'from_epoch')).toBe(1_735_689_600_010_000);
    expect(microsFromEpoch('1735689600010866', 'from_epoch')).toBe(1_735_689_600_010_866);
    expect(microsFromEpoch('1735689600010866999', 'from_epoch')).toBe(1_735_689_600_010_866);
    for (const text of ['', '-1', 'NaN', '1.', '.5', '0x5', ' 1'])
      expect(microsFromEpoch(text, 'from_ms')).toContain('not a count');
    fc.assert(
      fc.property(fc.maxSafeNat(), (micros) => {
        const padded = String(micros).padStart(7, '0');
        expect(microsFromEpoch(`${padded.slice(0, -6)}.${padded.slice(-6)}`, 'from_s')).toBe(micros);
        expect(microsFromEpoch(String(micros), 'from_us')).toBe(micros);
        expect(microsFromEpoch(`${micros}999`, 'from_ns')).toBe(micros);
      }),
    );
  });
});
