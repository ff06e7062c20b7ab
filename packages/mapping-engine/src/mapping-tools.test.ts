import { describe, expect, it } from 'vitest';
import {
  createScanner,
  loadMapping,
  MappingError,
  parseFixtures,
  proposeMappingPatch,
  suggestMapping,
  testMapping,
} from './index.js';
import { coinbaseMapping, trades, tradesWithDecimals } from './test-tables.js';
import { parseYaml } from './yaml-document.js';

const schemas = [trades, tradesWithDecimals];
const mapping = await loadMapping(coinbaseMapping, { schemas });

const coinbaseLine =
  '{"trade_id":1099147579,"side":"buy","size":"0.00000008","price":"84429.83000000","time":"2026-09-27T15:57:28.610277Z","product_id":"BTC-USD","_source":"coinbase","_symbol":"BTC-USD","_source_ingest_ts":"2026-09-27T16:00:00.123000Z"}';
const binanceLine =
  '{"id":28457,"price":"4.00000100","qty":"12.00000000","quoteQty":"48.000012","time":1499865549590,"isBuyerMaker":true,"isBestMatch":true,"_source":"binance","_symbol":"BNB-BTC","_source_ingest_ts":"2026-09-27T16:00:00.123000Z"}';

describe('suggestMapping', () => {
  it('drafts a mapping that loads and reads the very lines it was drafted from', async () => {
    for (const [line, source, expected] of [
      [
        coinbaseLine,
        'raw_coinbase_trades',
        ['COINBASE', 'BTC-USD', '1099147579', 'BUY', 84429.83, 8e-8, 1_790_524_648_610_277, 1_790_524_800_123_000],
      ],
      [
        binanceLine,
        'raw_binance_trades',
        ['BINANCE', 'BNB-BTC', '28457', 'SELL', 4.000001, 12, 1_499_865_549_590_000, 1_790_524_800_123_000],
      ],
    ] as const) {
      const text = suggestMapping({ sampleLines: [line, 'no json'], source, schema: trades });
      const draft = await loadMapping(text, { schemas });
      const row = Object.fromEntries(trades.columns.map((column, index) => [column.name, expected[index]!]));
      expect(testMapping(draft, [{ name: source, record: line, row }], trades)).toEqual([
        { name: source, passed: true, problems: [] },
      ]);
      expect(text).toContain("The table holds the taker's");
    }
    expect(suggestMapping({ sampleLines: [binanceLine], source: 'raw_binance_trades', schema: trades })).toContain(
      '# Not mapped: quoteQty, isBestMatch',
    );
  });

  it('names the columns for which it found nothing', () => {
    const text = suggestMapping({ sampleLines: ['{"weird name":1,"no":2}'], source: 'raw_x', schema: trades });
    expect(text).toContain('# No field looks like price (double)');
    expect(text).toContain('# Not mapped: "weird name", "no"');
  });
});

describe('proposeMappingPatch', () => {
  it('names new and vanished fields, and is YAML', async () => {
    const scanner = createScanner({ mapping, schema: trades });
    scanner.begin('s');
    scanner.feed(new TextEncoder().encode(`${coinbaseLine.replace('"size"', '"qty\\n# oops"')}\n`));
    scanner.end();
    const patch = proposeMappingPatch(scanner.report(), mapping);
    expect(patch).toContain('#   "qty\\n# oops": name_of_a_column');
    expect(patch).toContain('#   "size": quantity');
    expect((await parseYaml(patch, undefined)).value).toBeNull();
    expect(proposeMappingPatch({ newFields: [], vanishedFields: [] }, mapping)).toBe('');
  });
});

describe('testMapping', () => {
  it('passes fixtures that hold and says what differs in those that do not', async () => {
    const fixtures = await parseFixtures(`
fixtures:
  - name: a trade
    record: '${coinbaseLine}'
    row: { side: SELL, price: 84429.83, trade_ts: "2026-09-27T15:57:28.610277Z", trade_id: "1099147579" }
  - name: wrong side
    record: '${coinbaseLine}'
    row: { side: BUY, colour: red }
  - { name: refused, record: '${coinbaseLine.replace('84429.83000000', '0')}', refused: more than 0 }
  - { name: not refused, record: '${coinbaseLine}', refused: more than 0 }
  - { name: other reason, record: '{}', damaged: not JSON }
  - { name: damaged, record: '{}', damaged: no id }
`);
    const results = testMapping(mapping, fixtures, trades);
    expect(results.map((result) => result.passed)).toEqual([true, false, true, false, false, true]);
    expect(results[1]!.problems).toContain('side: expected "BUY", got "SELL"');
    expect(results[1]!.problems).toContain('trades_unified has no column colour');
    expect(results[3]!.problems[0]).toBe('expected refused, but the record gave a row');
  });

  it('refuses malformed fixtures with their line', async () => {
    await expect(parseFixtures('fixtures: 5', 'f.yaml')).rejects.toThrow('f.yaml:1: expected fixtures');
    await expect(
      parseFixtures('fixtures:\n  - { name: a, record: "{}", damaged: x }\n  - { name: b }', 'f.yaml'),
    ).rejects.toMatchObject({ line: 3 });
    await expect(parseFixtures('fixtures:\n  - { name: b, record: x, row: {}, damaged: y }')).rejects.toThrow(
      MappingError,
    );
  });
});
