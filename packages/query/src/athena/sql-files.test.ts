import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { TrinoSQL } from 'dt-sql-parser';
import { describe, expect, it } from 'vitest';
import { questions } from '../questions.js';
import { athenaCatalog, athenaFiles } from './sql-files.js';

const repository = new URL('../../../../', import.meta.url);
const at = (path: string): string => fileURLToPath(new URL(path, repository));
const files = athenaFiles();
const catalog = athenaCatalog() as { views: Record<string, { sql: string; columns: { name: string }[] }> };

const errorsOf = (sql: string): string[] => new TrinoSQL().validate(sql).map(({ message }) => message);

describe('infra/sql/athena', () => {
  // `pnpm exec vitest run packages/query -u` writes the files anew.
  it.each(Object.entries(files))('%s is what the questions give', async (name, sql) => {
    await expect(sql).toMatchFileSnapshot(at(`infra/sql/athena/${name}`));
  });

  it('holds nothing else', () => {
    expect(readdirSync(at('infra/sql/athena')).sort()).toEqual(questions.map(({ name }) => `${name}.sql`).sort());
  });

  it.each(Object.entries(files))('%s is SQL to Trino’s grammar', (_name, sql) => {
    expect(errorsOf(sql)).toEqual([]);
  });

  it('the grammar would say so if it were not', () => {
    expect(errorsOf('SELECT count(*) FROM t WHERE')).not.toEqual([]);
  });
});

describe('infra/terraform/catalog.json', () => {
  it('is what this package says', async () => {
    await expect(`${JSON.stringify(athenaCatalog(), null, 2)}\n`).toMatchFileSnapshot(
      at('infra/terraform/catalog.json'),
    );
  });

  it.each(Object.entries(catalog.views))(
    'view %s is SQL to Trino’s grammar and has its columns',
    (_name, { sql, columns }) => {
      expect(errorsOf(sql)).toEqual([]);
      for (const { name } of columns) expect(sql).toMatch(new RegExp(`\\b${name}\\b`));
    },
  );
});
