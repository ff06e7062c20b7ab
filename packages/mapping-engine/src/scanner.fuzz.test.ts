import { type CellValue, type ColumnBatch, cellAt, type TableSchema } from '@schemahub/columns';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { createInterpreter, loadMapping, type Mapping, type ScanReport } from './index.js';
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

let coinbase: Mapping;
let thing: Mapping;
let reading: Mapping;
let counted: Mapping;

/** Without exact decimals the compiled kernel reads all of its values. */
const plainReadings: TableSchema = { ...readings, columns: readings.columns.slice(0, -1) };

beforeAll(async () => {
  coinbase = await loadMapping(coinbaseMapping, { schemas: [trades, tradesWithDecimals] });
  thing = await loadMapping(thingsMapping, { schemas: [things] });
  reading = await loadMapping(readingsMapping, { schemas: [readings, plainReadings] });
  counted = await loadMapping(readingsMapping.replace('stored: from_ms', 'stored: from_epoch, at: from_s'), {
    schemas: [readings, plainReadings],
  });
});

const encoder = new TextEncoder();
const LINE_FEED = 10;

type Summary = Omit<ScanReport, 'slowLines' | 'newFields' | 'vanishedFields' | 'refused'> & {
  readonly values: readonly (readonly CellValue[])[];
  readonly refused: readonly unknown[];
};

/** The lines of a source, read as plainly as can be. */
function linesOf(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  let from = 0;
  for (let at = 0; at <= bytes.length; at += 1) {
    if (at < bytes.length && bytes[at] !== LINE_FEED) continue;
    if (at > from || at < bytes.length) lines.push(bytes.subarray(from, at));
    from = at + 1;
  }
  return lines.map((line, index) => {
    const start = index === 0 && line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf ? 3 : 0;
    return line.subarray(start, line.length > start && line.at(-1) === 13 ? line.length - 1 : line.length);
  });
}

/** What the plain interpreter makes of a source. */
function byInterpreter(
  bytes: Uint8Array,
  mapping: Mapping,
  schema: TableSchema,
  keepId?: (id: number) => boolean,
): Summary {
  const interpret = createInterpreter(mapping, schema);
  const values: (readonly CellValue[])[] = [];
  const refused: unknown[] = [];
  const damaged: ScanReport['damaged'][number][] = [];
  const counts = { skipped: 0, inexactDecimals: 0, decimalOverflows: 0 };
  linesOf(bytes).forEach((line, index) => {
    if (line.every((byte) => byte === 32 || byte === 9 || byte === 13)) return;
    const place = { source: 'fuzz', line: index + 1 };
    const result = interpret(line);
    if (result.kind === 'damaged') damaged.push({ ...place, reason: result.reason });
    else if (keepId !== undefined && !keepId(result.id as number)) counts.skipped += 1;
    else if (result.kind === 'refused')
      refused.push({ ...place, id: result.id, reason: result.reason, record: [...line] });
    else {
      values.push(result.values);
      counts.inexactDecimals += result.inexactDecimals;
      counts.decimalOverflows += result.decimalOverflows;
    }
  });
  return {
    values,
    rows: values.length,
    refused,
    refusedBeyond: 0,
    damaged,
    damagedBeyond: 0,
    bytes: bytes.length,
    ...counts,
  };
}

function valuesOf(batch: ColumnBatch): (readonly CellValue[])[] {
  return Array.from({ length: batch.rows }, (_, row) => batch.columns.map((column) => cellAt(column, row)));
}

/** What the scanner makes of the same bytes, cut as told; the compiled kernel takes part from `smallestPiece` bytes on. */
function byScanner(
  smallestPiece: number,
  bytes: Uint8Array,
  cuts: readonly number[],
  mapping: Mapping,
  schema: TableSchema,
  keepId?: (id: number) => boolean,
): Summary {
  const scanner = createScannerFor({ mapping, schema, keepId, capacity: 2 }, smallestPiece);
  scanner.begin('fuzz');
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  let from = 0;
  for (const to of [...places, bytes.length]) {
    // A copy that is overwritten: the scanner must not hold on to a chunk.
    const chunk = bytes.slice(from, to);
    scanner.feed(chunk);
    chunk.fill(0x78);
    from = to;
  }
  const scan = scanner.end();
  const { slowLines, newFields, vanishedFields, refused, ...report } = scanner.report();
  expect(scan.records).toBe(report.rows + report.skipped + refused.length);
  expect(slowLines).toBeLessThanOrEqual(linesOf(bytes).length);
  return {
    ...report,
    refused: refused.map((entry) => ({ ...entry, record: [...entry.record] })),
    values: valuesOf(scanner.take()),
  };
}

function expectSame(
  bytes: Uint8Array,
  cuts: readonly number[],
  mapping: Mapping,
  schema: TableSchema,
  keepId?: (id: number) => boolean,
): void {
  const expected = byInterpreter(bytes, mapping, schema, keepId);
  expect(byScanner(0, bytes, cuts, mapping, schema, keepId)).toEqual(expected);
  expect(byScanner(Number.POSITIVE_INFINITY, bytes, cuts, mapping, schema, keepId)).toEqual(expected);
}

const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 22 });
const decimalText = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(fc.nat(99_999), fc.nat(99_999_999)).map(([a, b]) => `${a}.${String(b).padStart(8, '0')}`),
  },
  fc.tuple(digits, digits).map(([a, b]) => `${a}.${b}`),
  digits,
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.constantFrom(
    '0',
    '-0',
    '0.0',
    '-1.5',
    '1e5',
    '1E-7',
    '1e+3',
    '1e999',
    '1e-999',
    '.5',
    '5.',
    '',
    ' 1',
    '1 ',
    '+1',
    '007.5',
    'NaN',
    'Infinity',
    '0x10',
    '1_0',
    '9007199254740993',
    '1e',
    '--1',
    '999999999999999',
    '0.999999999999999',
    '1.0000000000000001',
    '0.00000000000000000000001',
  ),
);
const timeText = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .date({ min: new Date('1969-12-30'), max: new Date('2256-01-02'), noInvalidDate: true })
      .map((date) => date.toISOString()),
  },
  fc
    .tuple(
      fc.nat(9999),
      fc.nat(13),
      fc.nat(32),
      fc.nat(25),
      fc.nat(61),
      fc.nat(61),
      fc.oneof(
        fc.constant(''),
        digits.map((text) => `.${text.slice(0, 11)}`),
      ),
      fc.constantFrom('Z', 'z', '', '+00:00', '-0530', '+14', '+99:00', '+01:60', 'Z '),
    )
    .map(([year, month, day, hour, minute, second, fraction, zone]) => {
      const two = (value: number): string => String(value).padStart(2, '0');
      return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}${fraction}${zone}`;
    }),
  fc.constantFrom(
    '0001-01-01T00:00:00.000000Z',
    '2024-02-29T00:00:00Z',
    '2023-02-29T00:00:00Z',
    '2100-02-29T00:00:00Z',
    '2000-02-29 23:59:59.9999999Z',
    '2016-12-31T23:59:60Z',
    '2026-09-27t15:57:28Z',
    '1970-01-01T00:00:00Z',
    '1970-01-01T00:00:00+00:01',
    '2255-06-05T23:47:34.740991Z',
    '2255-06-05T23:47:34.740992Z',
    '2026-09-27T15:57:28.Z',
    '2026-09-27T24:00:00Z',
    '1690000000',
    '',
  ),
);
const idText = fc.oneof(
  { weight: 4, arbitrary: fc.nat().map(String) },
  digits,
  fc.constantFrom(
    '0',
    '00',
    '01',
    '-1',
    '-0',
    '1.0',
    '1e3',
    '9007199254740991',
    '9007199254740992',
    '9007199254740993',
    '99999999999999999999',
    '',
    'abc',
    '1 ',
    'null',
  ),
);
const sideText = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('buy', 'sell') },
  fc.constantFrom('BUY', 'Sell', 'hold', '', 'ßell', 'bu\\u0079'),
);
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom('BTC-USD', 'ETH-USD', '__proto__', 'constructor', 'a"b', 'a\\b', '\u007f', '\u2028'),
);

/** JSON of a string with as many escapes as the random flags say. */
const escapedString = (text: string, flags: number): string =>
  `"${[...text]
    .map((character, index) => {
      const mustEscape =
        character === '"' || character === '\\' || character < ' ' || /[\ud800-\udfff]/.test(character);
      if (!mustEscape && ((flags >> (index % 16)) & 1) === 0) return character;
      return [...Array(character.length).keys()]
        .map((unit) => `\\u${character.charCodeAt(unit).toString(16).padStart(4, '0')}`)
        .join('');
    })
    .join('')}"`;

/** A value as JSON: as a string (rarely escaped), bare where that is possible, or something unfitting. */
function jsonValue(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 8, arbitrary: text.map((value) => JSON.stringify(value)) },
    { weight: 2, arbitrary: text },
    fc.tuple(text, fc.nat(65_535)).map(([value, flags]) => escapedString(value, flags)),
    fc.constantFrom(
      'null',
      'true',
      'false',
      '{}',
      '[]',
      '[1,{"a":"]"}]',
      '{"trade_id":5,"x":[{}]}',
      '"\\ud800"',
      '12',
      '-3.5e2',
      '""',
      'nul',
    ),
  );
}

const keyed = (key: string, value: fc.Arbitrary<string>): fc.Arbitrary<[string, string]> =>
  value.map((json) => [key, json]);
const coinbaseMembers = [
  keyed('trade_id', jsonValue(idText)),
  keyed('side', jsonValue(sideText)),
  keyed('size', jsonValue(decimalText)),
  keyed('price', jsonValue(decimalText)),
  keyed('time', jsonValue(timeText)),
  keyed('_symbol', jsonValue(anyText)),
  keyed('_source_ingest_ts', jsonValue(timeText)),
];
const extraMember = fc.tuple(
  fc.oneof(anyText, fc.constantFrom('trade_id', 'price', 'maker_order_id')),
  jsonValue(anyText),
);

const sound = (key: string, values: fc.Arbitrary<string>): fc.Arbitrary<[string, string]> =>
  values.map((value) => [key, JSON.stringify(value)]);
const soundMembers = fc.tuple(
  fc.oneof(sound('trade_id', fc.nat().map(String)), keyed('trade_id', fc.nat().map(String))),
  sound('side', fc.constantFrom('buy', 'sell')),
  sound(
    'size',
    fc.integer({ min: 1, max: 999_999 }).map((size) => `0.${String(size).padStart(8, '0')}`),
  ),
  sound(
    'price',
    fc.nat(99_999).map((price) => `${price + 1}.25000000`),
  ),
  sound('time', fc.constantFrom('2026-09-27T15:57:28.610277Z', '2026-09-27T15:57:28.61Z', '2026-09-27T15:57:28Z')),
  sound('product_id', fc.constantFrom('BTC-USD', 'ETH-USD')),
  sound('_symbol', fc.constantFrom('BTC-USD', 'ETH-USD')),
  sound('_source_ingest_ts', fc.constant('2026-09-27T16:00:00.123000Z')),
);

/** A line: sound members, some of them replaced, repeated, dropped, moved or joined by others, with odd white space. */
function lineOf(
  soundArbitrary: fc.Arbitrary<[string, string][]>,
  oddMembers: readonly fc.Arbitrary<[string, string]>[],
): fc.Arbitrary<string> {
  const space = fc.constantFrom('', '', '', '', ' ', '\t', '  ');
  return fc
    .tuple(
      soundArbitrary,
      fc.array(fc.oneof(...oddMembers, extraMember), { maxLength: 2 }),
      fc.nat(200),
      fc.nat(60),
      space,
      space,
    )
    .map(([members, odd, shuffle, drop, outer, inner]) => {
      let list = [...members];
      for (const [index, member] of odd.entries()) {
        const at = list.findIndex(([key]) => key === member[0]);
        if (at >= 0 && (shuffle + index) % 3 !== 0) list[at] = member;
        else list.splice(shuffle % (list.length + 1), 0, member);
      }
      if (shuffle % 20 === 0) list = list.reverse();
      if (drop < list.length) list.splice(drop, 1);
      return `${outer}{${inner}${list.map(([key, value]) => `${shuffle % 31 === 0 ? escapedString(key, shuffle) : JSON.stringify(key)}${inner}:${value}`).join(`,${inner}`)}${inner}}${outer}`;
    });
}

const anyLine = (line: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 10, arbitrary: line },
    fc
      .tuple(line, fc.nat(400), fc.constantFrom('', '"', '\\', '{', '}', ',', '\r', '\u0000', 'é', '9', '\\u00'))
      .map(([text, at, inserted]) => {
        const cut = at % (text.length + 1);
        return text.slice(0, cut) + inserted + text.slice(cut + (at % 2));
      }),
    fc.constantFrom('', ' ', '\t', '{}', '[]', 'null', '5', '"x"', '{"trade_id":5}', '\ufeff{}', '{"id":"x"}'),
  );

const sourceOf = (line: fc.Arbitrary<string>): fc.Arbitrary<Uint8Array> =>
  fc
    .tuple(fc.array(anyLine(line), { maxLength: 12 }), fc.constantFrom('\n', '\n', '\r\n'), fc.boolean(), fc.nat(9))
    .map(([lines, end, hasLastEnd, mark]) =>
      encoder.encode((mark === 0 ? '\ufeff' : '') + lines.join(end) + (hasLastEnd ? end : '')),
    );

const cutsArbitrary = fc.array(fc.nat(4000), { maxLength: 8 });

/** Lines of one structure: a member's notation is drawn once, its text for each line. So later lines meet a learned shape. */
const LINES_PER_SHAPE = 7;

function memberLines(
  key: string,
  plain: fc.Arbitrary<string>,
  odd: fc.Arbitrary<string>,
): fc.Arbitrary<[string, string][]> {
  const texts = fc.array(fc.oneof({ weight: 12, arbitrary: plain }, { weight: 1, arbitrary: odd }), {
    minLength: LINES_PER_SHAPE,
    maxLength: LINES_PER_SHAPE,
  });
  const notation = fc.constantFrom('string', 'string', 'string', 'bare', 'bare', 'escaped');
  return fc.tuple(texts, notation, fc.nat(65_535)).map(([values, written, flags]) =>
    values.map((value): [string, string] => {
      if (written === 'bare') return [key, value];
      return [key, written === 'escaped' ? escapedString(value, flags) : JSON.stringify(value)];
    }),
  );
}

/** Sources of lines that share a structure, with members repeated, dropped, replaced by null or nested ones, or moved. */
function shapedSource(members: readonly fc.Arbitrary<[string, string][]>[]): fc.Arbitrary<Uint8Array> {
  const nested = fc.constantFrom('null', 'true', 'false', '{}', '[]', '{"trade_id":5,"t":[{}]}', '[1,"x",null]');
  const change = fc.tuple(
    fc.nat(60),
    fc.constantFrom('repeat', 'repeat', 'drop', 'nest', 'repeat nested', 'move'),
    nested,
    fc.nat(60),
  );
  const shape = fc.tuple(fc.tuple(...members), fc.tuple(...members), fc.array(change, { maxLength: 2 }));
  return fc.array(shape, { minLength: 1, maxLength: 2 }).map((shapes) => {
    const lines = shapes.flatMap(([first, second, changes]) => {
      const columns = [...first];
      for (const [at, kind, json, to] of changes) {
        const index = at % columns.length;
        const place = to % (columns.length + 1);
        const replaced = columns[index]!.map(([key]): [string, string] => [key, json]);
        if (kind === 'drop' && columns.length > 1) columns.splice(index, 1);
        if (kind === 'nest') columns[index] = replaced;
        if (kind === 'repeat nested') columns.splice(place, 0, replaced);
        if (kind === 'repeat') columns.splice(place, 0, second[index % second.length]!);
        if (kind === 'move') columns.splice(place % columns.length, 0, columns.splice(index, 1)[0]!);
      }
      return Array.from(
        { length: LINES_PER_SHAPE },
        (_, line) =>
          `{${columns.map((column) => `${JSON.stringify(column[line]![0])}:${column[line]![1]}`).join(',')}}`,
      );
    });
    return encoder.encode(`${lines.join('\n')}\n`);
  });
}

const coinbaseShapes = shapedSource([
  memberLines('trade_id', fc.nat().map(String), idText),
  memberLines('side', fc.constantFrom('buy', 'sell'), sideText),
  memberLines(
    'size',
    fc.nat(99_999).map((size) => `${size}.5`),
    decimalText,
  ),
  memberLines(
    'price',
    fc.nat(99_999).map((price) => `${price + 1}.25000000`),
    decimalText,
  ),
  memberLines('time', fc.constantFrom('2026-09-27T15:57:28.610277Z', '2024-02-29T00:00:00Z'), timeText),
  memberLines('_symbol', fc.constantFrom('BTC-USD', 'ETH-USD'), anyText),
  memberLines('_source_ingest_ts', fc.constant('2026-09-27T16:00:00.123000Z'), timeText),
  memberLines('note', fc.constantFrom('1', 'true'), anyText),
]);

const coinbaseSource = sourceOf(
  lineOf(
    soundMembers.map((members) => members as [string, string][]),
    coinbaseMembers,
  ),
);

const countText = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('1', '2', '10') },
  fc.constantFrom('true', 'TRUE', '3', '01', '-1', '1.0'),
);
const epochText = fc.oneof(
  { weight: 3, arbitrary: fc.nat(2_000_000_000).map((seconds) => `${seconds}123`) },
  digits,
  fc.tuple(fc.nat(), digits).map(([a, b]) => `${a}.${b}`),
  fc.constantFrom(
    '0',
    '00',
    '-1',
    '1e3',
    '1.5e12',
    '9007199254740',
    '9007199254741',
    '9007199254740.9914',
    '0.0005',
    '0.0004999',
    '1e-9',
    '1E400',
  ),
);
const thingMembers = [
  keyed('id', jsonValue(anyText)),
  keyed('n', jsonValue(countText)),
  keyed('f', jsonValue(fc.constantFrom('true', 'false', 'True', '1'))),
  keyed('t', jsonValue(epochText)),
  keyed('w', jsonValue(decimalText)),
];
const soundThing = fc.tuple(
  sound(
    'id',
    fc.nat(9).map((id) => (id === 0 ? '' : `thing-${id}`)),
  ),
  keyed('n', fc.constantFrom('1', '2', 'null', '"10"')),
  keyed('f', fc.constantFrom('true', 'false', 'null')),
  keyed('t', fc.constantFrom('1700000000123', '"1700000000123"', 'null', '1700000000123.4567')),
  keyed('w', fc.constantFrom('1.5', '"0.1"', '-4', '"1e-30"', '123456789012345678901.5', 'null')),
);
const thingSource = sourceOf(
  lineOf(
    soundThing.map((members) => members as [string, string][]),
    thingMembers,
  ),
);

const thingShapes = shapedSource([
  memberLines('id', fc.nat(99).map(String), fc.oneof(anyText, fc.constant(''))),
  memberLines('n', fc.constantFrom('1', '2', '10'), countText),
  memberLines('f', fc.constantFrom('true', 'false'), fc.constantFrom('null', 'True', '1')),
  memberLines('t', fc.constantFrom('1700000000123', '9007199254740'), epochText),
  memberLines('w', fc.constantFrom('1.5', '0.1', '-4'), decimalText),
]);

const readingShapes = shapedSource([
  memberLines('id', fc.nat(99).map(String), idText),
  memberLines('v', fc.constantFrom('1.5', '0.1', '-4'), decimalText),
  memberLines('at', fc.constantFrom('2026-09-27T15:57:28.610277Z', '2024-02-29T00:00:00Z'), timeText),
  memberLines('stored', fc.constantFrom('1700000000123', '1700000000456'), epochText),
  memberLines('u', fc.constantFrom('m', 's', 'a unit of a long name, longer than most'), anyText),
]);

const SOUND_TRADE: Readonly<Record<string, string>> = {
  trade_id: '5',
  side: '"buy"',
  size: '"0.5"',
  price: '"84429.83000000"',
  time: '"2026-09-27T15:57:28.610277Z"',
  _symbol: '"BTC-USD"',
  note: '1',
  flag: 'true',
  _source_ingest_ts: '"2026-09-27T16:00:00.123000Z"',
};
const SOUND_READING: Readonly<Record<string, string>> = {
  id: '7',
  v: '1.5',
  at: '"2026-09-27T15:57:28Z"',
  stored: '1700000000123',
  u: '"m"',
  note: '"said \\"no\\""',
};
const SOUND_COUNTED: Readonly<Record<string, string>> = { ...SOUND_READING, at: '1700000000', stored: '1700000000123' };
const SOUND_THING: Readonly<Record<string, string>> = { id: '"x"', n: '2', f: 'true', t: '1700000000123', w: '1.5' };

const ODD_VALUES: readonly string[] = [
  ...[
    '',
    '0',
    '-0',
    '00',
    '007',
    '-007',
    '007.5',
    '-1',
    '1.0',
    '1.',
    '.5',
    '-.5',
    '+1',
    '--1',
    '1e5',
    '1E-7',
    '1e+3',
    '1e',
    '1e+',
    '01e2',
  ],
  ...['1e999', '1e-999', '-1.5', 'NaN', 'Infinity', '0x10', '1_0', ' 1', '1 ', '1,5', '1-2', '1..2', '1.2.3'],
  ...['9007199254740991', '9007199254740992', '9007199254740993', '99999999999999999999', '9007199254740990.6'],
  ...[
    '999999999999999',
    '9999999999999999',
    '0.999999999999999',
    '1.0000000000000001',
    '123456789012345678901.5',
    '1234567890.123456789',
  ],
  ...[18, 19, 20, 21, 22, 23, 30].flatMap((scale) => [`0.${'0'.repeat(scale - 1)}1`, `1.${'0'.repeat(scale)}`]),
  ...['9007199254740', '9007199254741', '1700000000123.4567', '0.0004', '0.0005', '001700000000123', '1.7e12'],
  ...[
    '2026-09-27T15:57:28Z',
    '2026-09-27T15:57:28.Z',
    '2026-09-27T15:57:28.123456789Z',
    '2026-09-27T15:57:28.1234567890Z',
  ],
  ...[
    '2026-09-27t15:57:28z',
    '2026-09-27 15:57:28Z',
    '2026-09-27T15:57:28+02:00',
    '2026-09-27T15:57:28',
    '2026-9-27T15:57:28Z',
  ],
  ...[
    '2024-02-29T00:00:00Z',
    '2023-02-29T00:00:00Z',
    '2100-02-29T00:00:00Z',
    '2000-02-29T00:00:00Z',
    '2026-00-10T00:00:00Z',
    '2026-13-10T00:00:00Z',
  ],
  ...[
    '2026-04-31T00:00:00Z',
    '2026-04-00T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:60:00Z',
    '2016-12-31T23:59:60Z',
    '2026/09/27T15:57:28Z',
  ],
  ...[
    '1969-12-31T23:59:59Z',
    '1970-01-01T00:00:00Z',
    '0070-01-01T00:00:00Z',
    '0001-01-01T00:00:00Z',
    '9999-12-31T23:59:59Z',
    '20x6-01-01T00:00:00Z',
  ],
  ...[
    '2255-06-05T23:47:34.740991Z',
    '2255-06-05T23:47:34.740992Z',
    '2254-12-31T23:59:59.999999Z',
    '2026-01-01T00:00:00,5Z',
    '2026-01-01T00.00:00Z',
  ],
  ...[
    'buy',
    'sell',
    'BUY',
    'hold',
    'true',
    'false',
    'tru',
    'falsy',
    'null',
    'nul',
    '{}',
    '[]',
    '{"a":[1,"}"]}',
    'x',
    '"',
    '\\',
    '\u0000',
    '\u007f',
    'é',
    '😀',
  ],
  ...['\\u0062uy', '\\ud800', '\\x', '\\u12g4', 'a\tb', 'x'.repeat(300), '1'.repeat(300), 'y'.repeat(5000)],
];

function objectOf(members: Readonly<Record<string, string>>): string {
  return `{${Object.entries(members)
    .map(([key, json]) => `${JSON.stringify(key)}:${json}`)
    .join(',')}}`;
}

describe('the scanner says what the interpreter says', () => {
  it('about trades with odd members, wherever the chunks are cut', () => {
    fc.assert(
      fc.property(coinbaseSource, cutsArbitrary, (bytes, cuts) => expectSame(bytes, cuts, coinbase, trades)),
      { numRuns: 800 },
    );
  });

  it('about trades with exact decimals, and with ids that are not wanted', () => {
    const keepId = (id: number): boolean => id % 3 !== 0;
    fc.assert(
      fc.property(coinbaseSource, cutsArbitrary, (bytes, cuts) =>
        expectSame(bytes, cuts, coinbase, tradesWithDecimals, keepId),
      ),
      { numRuns: 400 },
    );
  });

  it('about a table of every column type, nulls and text ids', () => {
    fc.assert(
      fc.property(thingSource, cutsArbitrary, (bytes, cuts) => expectSame(bytes, cuts, thing, things)),
      { numRuns: 600 },
    );
  });

  it('about lines of one shape with values that do not fit it, repeated keys and nested values', () => {
    const keepId = (id: number): boolean => id % 2 === 0;
    fc.assert(
      fc.property(coinbaseShapes, cutsArbitrary, fc.boolean(), (bytes, cuts, isWide) =>
        expectSame(bytes, cuts, coinbase, isWide ? tradesWithDecimals : trades, isWide ? keepId : undefined),
      ),
      { numRuns: 700 },
    );
    fc.assert(
      fc.property(thingShapes, cutsArbitrary, (bytes, cuts) => expectSame(bytes, cuts, thing, things)),
      { numRuns: 700 },
    );
  });

  it('about lines of one shape with nulls, counts of seconds and milliseconds, and ids that are not wanted', () => {
    const keepId = (id: number): boolean => id % 3 !== 0;
    fc.assert(
      fc.property(readingShapes, cutsArbitrary, fc.boolean(), (bytes, cuts, isCounted) =>
        expectSame(bytes, cuts, isCounted ? counted : reading, plainReadings, isCounted ? keepId : undefined),
      ),
      { numRuns: 700 },
    );
  });

  it('about every odd value in every field of a shape that is known', () => {
    const sources = [
      { mapping: coinbase, schema: tradesWithDecimals, sound: SOUND_TRADE },
      { mapping: coinbase, schema: trades, sound: SOUND_TRADE },
      { mapping: thing, schema: things, sound: SOUND_THING },
      { mapping: reading, schema: plainReadings, sound: SOUND_READING },
      { mapping: counted, schema: plainReadings, sound: SOUND_COUNTED },
    ];
    for (const { mapping, schema, sound } of sources) {
      for (const [field, value] of Object.entries(sound)) {
        for (const odd of ODD_VALUES) {
          for (const json of [JSON.stringify(odd), odd]) {
            // The first line teaches the notation, the second the texts of dictionaries; then odd ones between sound ones.
            const teacher = json === odd ? value.replaceAll('"', '') : JSON.stringify(value.replaceAll('"', ''));
            const lines = [teacher, teacher, json, teacher, json].map((written) =>
              objectOf({ ...sound, [field]: written }),
            );
            expectSame(encoder.encode(lines.join('\n')), [], mapping, schema);
          }
        }
      }
    }
  });

  it('about any bytes at all, and any byte changed in sound lines', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), cutsArbitrary, (bytes, cuts) =>
        expectSame(bytes, cuts, coinbase, trades),
      ),
      { numRuns: 500 },
    );
    const line =
      '{"trade_id":1099147579,"side":"buy","size":"0.00000008","price":"84429.83000000","time":"2026-09-27T15:57:28.610277Z","product_id":"BTC-USD","_source":"coinbase","_symbol":"BTC-USD","_source_ingest_ts":"2026-09-27T16:00:00.123000Z"}\n';
    const several = encoder.encode(line.repeat(4));
    fc.assert(
      fc.property(
        fc.nat(line.length * 2 - 1),
        fc.oneof(fc.nat(255), fc.constantFrom(...encoder.encode('0159"\\{}:,.-+eETZ nut'))),
        cutsArbitrary,
        (at, byte, cuts) => {
          const changed = several.slice();
          // The first two lines stay sound, so that there is a shape to be deceived.
          changed[line.length * 2 + at] = byte;
          expectSame(changed, cuts, coinbase, trades);
        },
      ),
      { numRuns: 700 },
    );
  });
});
