import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import {
  checkMapping,
  lintMapping,
  loadMapping,
  loadParsedMapping,
  type Mapping,
  MappingError,
  mappingHash,
  schemaHash,
} from './index.js';
import { coinbaseMapping, things, thingsMapping, trades, tradesWithDecimals } from './test-tables.js';

const schemas = [trades, tradesWithDecimals, things];
const load = (text: string): Promise<Mapping> => loadMapping(text, { file: 'coinbase_trades.yaml', schemas });

async function problemOf(text: string): Promise<MappingError> {
  const { mapping, problems } = await checkMapping(text, { file: 'coinbase_trades.yaml', schemas });
  expect(mapping).toBeUndefined();
  return problems[0]!;
}

/** The shipped mapping with one line replaced; the number of that line. */
function withLine(before: string, after: string): { text: string; line: number } {
  const lines = coinbaseMapping.split('\n');
  const at = lines.findIndex((line) => line.trim() === before);
  expect(at).toBeGreaterThan(0);
  lines[at] = `${/^ */.exec(lines[at]!)![0]}${after}`;
  return { text: lines.join('\n'), line: at + 1 };
}

describe('loadMapping', () => {
  it('gives one frozen rule a column in normal form', async () => {
    const mapping = await load(coinbaseMapping);
    expect(mapping.rules.map((rule) => rule.column)).toEqual([
      'exchange',
      'ingest_ts',
      'price',
      'price_dec',
      'quantity',
      'quantity_dec',
      'side',
      'symbol',
      'trade_id',
      'trade_ts',
    ]);
    expect(mapping.idColumn).toBe('trade_id');
    expect(mapping.rules.find((rule) => rule.column === 'side')).toEqual({
      column: 'side',
      field: 'side',
      constant: null,
      steps: [{ kind: 'maker_to_taker' }],
      conversion: 'string',
      required: true,
      minimum: null,
      exclusive: false,
      allowed: ['BUY', 'SELL'],
      optional: false,
    });
    expect(() => {
      (mapping.rules[0] as { column: string }).column = 'x';
    }).toThrow(TypeError);
  });

  const faults: readonly [
    title: string,
    before: string,
    after: string,
    code: string,
    suggestion: string | undefined,
  ][] = [
    ['an unknown column', 'size: quantity', 'size: quantty', 'UNKNOWN_COLUMN', 'quantity'],
    ['an unknown transform', 'side: maker_to_taker', 'side: maker_to_takr', 'UNKNOWN_TRANSFORM', 'maker_to_taker'],
    ['an unknown key', 'constants:', 'constant:', 'UNKNOWN_KEY', 'constants'],
    [
      'an unknown table',
      'target_table: trades_unified',
      'target_table: trade_unified',
      'UNKNOWN_TABLE',
      'trades_unified',
    ],
    ['transforms of a field that is not mapped', 'trade_ts: iso8601', 'tme: iso8601', 'UNKNOWN_FIELD', 'time'],
    [
      'validation of an unknown column',
      'price: { minimum: 0, exclusive: true }',
      'prce: { minimum: 0 }',
      'UNKNOWN_COLUMN',
      'price',
    ],
    [
      'an unknown kind of validation',
      'price: { minimum: 0, exclusive: true }',
      'price: { minimun: 0 }',
      'UNKNOWN_KEY',
      'minimum',
    ],
    [
      'a transform that cannot fill the column',
      'trade_ts: iso8601',
      'trade_ts: to_double',
      'WRONG_TRANSFORM',
      undefined,
    ],
    ['a conversion that is not last', 'price: to_double', 'price: [to_double, upper]', 'WRONG_TRANSFORM', undefined],
    ['an enum without values', 'side: maker_to_taker', 'side: enum', 'WRONG_TRANSFORM', undefined],
    ['a column filled twice', 'exchange: COINBASE', 'symbol: X', 'CONFLICT', undefined],
    [
      'an exclusive bound without a bound',
      'price: { minimum: 0, exclusive: true }',
      'price: { exclusive: true }',
      'INVALID_VALUE',
      undefined,
    ],
    [
      'an optional column that holds no null',
      'price: { minimum: 0, exclusive: true }',
      'price: { required: false }',
      'INVALID_VALUE',
      undefined,
    ],
    [
      'an enum of a number',
      'price: { minimum: 0, exclusive: true }',
      'price: { enum: [1] }',
      'INVALID_VALUE',
      undefined,
    ],
    ['a bound of a text', 'side: { enum: [BUY, SELL] }', 'side: { minimum: 1 }', 'INVALID_VALUE', undefined],
    ['a wrong type', 'size: quantity', 'size: 5', 'SHAPE', undefined],
    ['a wrong version', 'version: 1', 'version: 2', 'SHAPE', undefined],
    ['a decimal of nothing', 'price_dec: price', 'price_dec: prize', 'UNKNOWN_COLUMN', 'price'],
    ['a decimal that is a double', 'price_dec: price', 'quantity: price', 'CONFLICT', undefined],
    ['a rewritten id', 'price: to_double', 'trade_id: upper', 'WRONG_TRANSFORM', undefined],
    ['a key named twice', 'trade_id: trade_id', 'side: trade_id', 'YAML', undefined],
  ];
  it.each(faults)(
    'names the file, the line and the way out for %s',
    async (_title, before, after, code, suggestion) => {
      const { text, line } = withLine(before, after);
      const { problems } = await checkMapping(text, { file: 'coinbase_trades.yaml', schemas });
      const problem = problems.find((found) => found.code === code)!;
      expect(problem).toMatchObject({
        name: 'MappingError',
        file: 'coinbase_trades.yaml',
        suggestion,
        retryable: false,
      });
      expect(problem.message.startsWith(`coinbase_trades.yaml:${problem.line}: `)).toBe(true);
      // A duplicate key is reported where the second one stands.
      expect(problem.line).toBe(code === 'YAML' ? line + 1 : line);
      if (suggestion !== undefined) expect(problem.message).toContain(`Did you mean "${suggestion}"?`);
      await expect(load(text)).rejects.toThrow(MappingError);
    },
  );

  it('says that a number is a line where the text has no file', async () => {
    const { text, line } = withLine('price_dec: price', 'price_dec: prize');
    const { problems } = await checkMapping(text, { schemas });
    expect(problems[0]!.message.startsWith(`line ${line}: `)).toBe(true);
  });

  it('refuses a column that would stay empty, a constant id and a constant that is none', async () => {
    expect(
      await problemOf(coinbaseMapping.replace('  time: trade_ts\n', '').replace('  trade_ts: iso8601\n', '')),
    ).toMatchObject({
      code: 'UNMAPPED_COLUMN',
      message: expect.stringContaining('trade_ts'),
    });
    expect(
      await problemOf(
        coinbaseMapping.replace('  trade_id: trade_id\n', '').replace('COINBASE', 'COINBASE\n  trade_id: 5'),
      ),
    ).toMatchObject({
      code: 'WRONG_TRANSFORM',
    });
    expect(await problemOf(thingsMapping.replace('level: 7', 'level: seven'))).toMatchObject({ code: 'INVALID_VALUE' });
  });

  it('reports all problems by line, consequences last', async () => {
    const text = coinbaseMapping.replace('size: quantity', 'size: quantty').replace('maker_to_taker', 'taker');
    const { problems } = await checkMapping(text, { schemas });
    expect(problems.length).toBeGreaterThan(2);
    const lines = problems.map((problem) => problem.line ?? 0);
    // The column that thereby got no value is told last.
    expect(problems.at(-1)?.code).toBe('UNMAPPED_COLUMN');
    expect(lines.slice(0, -1)).toEqual(lines.slice(0, -1).sort((a, b) => a - b));
  });

  it.each(['', '- a', '[', 'source: [', '"', '{', 'a: &x [*x]\nb: *y', 'null', '5', '\u0000'])(
    'refuses %j without another error',
    async (text) => {
      expect(await problemOf(text)).toBeInstanceOf(MappingError);
    },
  );

  it('refuses nesting deeper than the stack', async () => {
    expect(await problemOf(`a: ${'['.repeat(50_000)}`)).toMatchObject({ code: 'YAML' });
  });

  it('refuses an alias bomb', async () => {
    let bomb = 'a0: &a0 [x, x, x, x, x, x, x, x, x]\n';
    for (let level = 1; level < 9; level += 1)
      bomb += `a${level}: &a${level} [${Array(9)
        .fill(`*a${level - 1}`)
        .join(', ')}]\n`;
    expect(await problemOf(bomb)).toMatchObject({ code: 'YAML' });
  });

  it('takes names such as __proto__ and constructor as names', async () => {
    const mapping = await load(coinbaseMapping.replace('_symbol: symbol', '__proto__: symbol'));
    expect(mapping.rules.find((rule) => rule.column === 'symbol')?.field).toBe('__proto__');
    expect(await problemOf(coinbaseMapping.replace('side: maker_to_taker', 'side: constructor'))).toMatchObject({
      code: 'UNKNOWN_TRANSFORM',
    });
  });
});

describe('loadParsedMapping', () => {
  it('gives what the text gives, and tells the same first problem, without its line', async () => {
    const options = { file: 'coinbase_trades.yaml', schemas };
    expect(loadParsedMapping(parse(coinbaseMapping), options)).toEqual(await load(coinbaseMapping));
    const wrong = coinbaseMapping.replace('size: quantity', 'size: quantty');
    const { message, code, suggestion, line } = await problemOf(wrong);
    const thrown = (() => {
      try {
        return loadParsedMapping(parse(wrong), options);
      } catch (error) {
        return error as MappingError;
      }
    })();
    expect(thrown).toMatchObject({ name: 'MappingError', code, suggestion, line: undefined });
    expect((thrown as MappingError).message).toBe(message.replace(`:${line}`, ''));
  });
});

describe('mappingHash', () => {
  it('does not see the order within an enum or a symbol_map', async () => {
    const variant = (sides: string, symbols: string): Promise<Mapping> =>
      load(
        coinbaseMapping
          .replace('side: maker_to_taker', `side: { enum: { ${sides} } }`)
          .replace('version: 1', `symbol_map: { ${symbols} }`),
      );
    const one = await variant('buy: SELL, sell: BUY', 'XBT-USD: BTC-USD, XDG-USD: DOGE-USD');
    const other = await variant('sell: BUY, buy: SELL', 'XDG-USD: DOGE-USD, XBT-USD: BTC-USD');
    expect(mappingHash(other)).toBe(mappingHash(one));
  });

  it('is that of the meaning: comments, order, white space and the way of naming do not change it', async () => {
    const other = `# moved about
validation: { quantity: {exclusive: true, minimum: 0.0}, price: {minimum: 0, exclusive: true}, "side": {enum: [SELL, BUY, SELL]} }
decimals: { quantity_dec: quantity, price_dec: price }
transforms: {side: [maker_to_taker], time: iso8601}
constants: {exchange: "COINBASE"}
mappings: {time: [trade_ts], trade_id: trade_id, side: side, price: price, size: quantity, _source_ingest_ts: ingest_ts, _symbol: symbol}
target_table: trades_unified
source: 'raw_coinbase_trades' # the same`;
    expect(mappingHash(await load(other))).toBe(mappingHash(await load(coinbaseMapping)));
  });

  it('changes with everything that changes a row', async () => {
    const hash = mappingHash(await load(coinbaseMapping));
    const changes: [string, string][] = [
      ['side: maker_to_taker', 'side: upper'],
      ['COINBASE', 'Coinbase'],
      ['price: { minimum: 0, exclusive: true }', 'price: { minimum: 0 }'],
      ['enum: [BUY, SELL]', 'enum: [BUY]'],
      ['  price_dec: price\n', ''],
      ['raw_coinbase_trades', 'raw_gdax_trades'],
      ['trade_id: trade_id', 'id: trade_id'],
      ['version: 1', 'symbol_map: { XBT-USD: BTC-USD }'],
      ['version: 1', 'id_kind: text'],
      ['  side: maker_to_taker', '  side: [maker_to_taker, {default: BUY}]'],
    ];
    const hashes = await Promise.all(
      changes.map(async ([before, after]) => mappingHash(await load(coinbaseMapping.replace(before, after)))),
    );
    expect(new Set([hash, ...hashes]).size).toBe(changes.length + 1);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
  });

  it('of a schema ignores documentation and sees types and nullability', () => {
    const documented = { ...trades, columns: trades.columns.map((column) => ({ ...column, doc: 'words' })) };
    expect(schemaHash(documented)).toBe(schemaHash(trades));
    expect(schemaHash(tradesWithDecimals)).not.toBe(schemaHash(trades));
    const nullable = { ...trades, columns: trades.columns.map((column) => ({ ...column, nullable: true })) };
    expect(schemaHash(nullable)).not.toBe(schemaHash(trades));
  });
});

describe('lintMapping', () => {
  it('is silent about a good mapping, and tells errors and doubts', async () => {
    expect(await lintMapping(coinbaseMapping, { schemas })).toEqual([]);
    const doubts = await lintMapping(
      coinbaseMapping.replace('  side: maker_to_taker\n', '').replace(/validation:[\s\S]*decimals/, 'decimals'),
      { schemas },
    );
    expect(doubts.map((finding) => finding.code).sort()).toEqual([
      'ANY_SIDE',
      'SIDE_AS_IT_IS',
      'UNBOUNDED_NUMBER',
      'UNBOUNDED_NUMBER',
    ]);
    const errors = await lintMapping(coinbaseMapping.replace('size: quantity', 'size: quantty'), { schemas });
    expect(errors[0]).toMatchObject({ severity: 'error', code: 'UNKNOWN_COLUMN', suggestion: 'quantity', line: 10 });
  });
});
