import { expect, test } from 'vitest';
import { tradesUnified, tradesUnifiedWithDecimals } from './index.js';

const parquetTypes: Readonly<Record<string, string>> = {
  string: 'BYTE_ARRAY, STRING',
  double: 'DOUBLE',
  timestamp: 'INT64, TIMESTAMP(MICROS, UTC)',
  decimal: 'FIXED_LEN_BYTE_ARRAY(16), DECIMAL(38,18)',
};

// `npx vitest run packages/core/src/schema-page.test.ts -u` writes the page anew.
test('docs/reference/schema.md is the schema', async () => {
  const rows = tradesUnifiedWithDecimals.columns.map(
    ({ fieldId, name, type, nullable, doc }) =>
      `| ${fieldId} | \`${name}\` | ${parquetTypes[type]} | ${nullable ? 'optional' : 'required'} | ${doc} |`,
  );
  const text = [
    '# The table',
    '',
    `\`${tradesUnified.name}\`, made from the schema in \`packages/core\`; a test fails when it is stale.`,
    '',
    '| field id | column | Parquet type | | meaning |',
    '|---|---|---|---|---|',
    ...rows,
    '',
    `Primary key: ${tradesUnified.primaryKey.map((name) => `\`${name}\``).join(', ')}. Files are sorted by ${tradesUnified.sortKey.map((name) => `\`${name}\``).join(', then ')} (as a number). Field ids never change and are never used again. The optional columns are there when the table is made with \`--decimals\`; older rows read null.`,
    '',
    'The view `curated_trades` adds `base_asset` and `quote_asset`.',
    '',
  ].join('\n');
  await expect(text).toMatchFileSnapshot('../../../docs/reference/schema.md');
});
