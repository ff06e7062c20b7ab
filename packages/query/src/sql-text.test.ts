import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { callsIn, explainedStatement, namesIn, splitStatements, tokenize } from './sql-text.js';

describe('splitStatements', () => {
  const cases: [string, string[], string][] = [
    ['SELECT 1', [], 'SELECT 1'],
    ['SELECT 1;', ['SELECT 1'], ''],
    ['SELECT 1; SELECT 2', ['SELECT 1'], 'SELECT 2'],
    [';;  ; ', [], ''],
    ["SELECT 'a;b';", ["SELECT 'a;b'"], ''],
    ["SELECT 'it''s;'; x", ["SELECT 'it''s;'"], 'x'],
    ["SELECT E'\\';';", ["SELECT E'\\';'"], ''],
    ["SELECT '\\'; x", ["SELECT '\\'"], 'x'],
    ['SELECT ";""; "; x', ['SELECT ";""; "'], 'x'],
    ['SELECT $$;$$; x', ['SELECT $$;$$'], 'x'],
    ['SELECT $a$;$$;$b$;$a$; x', ['SELECT $a$;$$;$b$;$a$'], 'x'],
    ['SELECT $1; x', ['SELECT $1'], 'x'],
    ['SELECT 1 -- ; no\n; x', ['SELECT 1 -- ; no'], 'x'],
    ['SELECT /* ; /* ; */ ; */ 1; x', ['SELECT /* ; /* ; */ ; */ 1'], 'x'],
    ['SELECT 1; -- done', ['SELECT 1'], ''],
    ['SELECT 1; /* open', ['SELECT 1'], '/* open'],
    ["SELECT 'open; ", [], "SELECT 'open;"],
    ['SELECT "open; ', [], 'SELECT "open;'],
    ['SELECT $$open; ', [], 'SELECT $$open;'],
    ['-- only', [], ''],
    ['SELECT a$$b; x', ['SELECT a$$b'], 'x'],
  ];
  it.each(cases)('%s', (sql, statements, rest) => {
    expect(splitStatements(sql)).toEqual({ statements, rest });
  });

  const quoted = fc.oneof(
    fc.string().map((text) => `'${text.replaceAll("'", "''")}'`),
    fc.string().map((text) => `"${text.replaceAll('"', '""')}"`),
    fc.string().map((text) => `$tag$${text.replaceAll('$', '')}$tag$`),
    fc.string().map((text) => `/*${text.replaceAll(/[*/]/g, '')}*/`),
    fc.string().map((text) => `--${text.replaceAll('\n', '')}\n`),
  );

  it('never cuts inside strings, names and comments', () => {
    fc.assert(
      fc.property(fc.array(fc.array(quoted, { minLength: 1, maxLength: 4 }), { maxLength: 5 }), (parts) => {
        const texts = parts.map((pieces) => `x ${pieces.join(' ')}`);
        const { statements, rest } = splitStatements(texts.map((text) => `${text};`).join(''));
        expect(statements).toEqual(texts.map((text) => text.trim()));
        expect(rest).toBe('');
      }),
    );
  });

  it('ends on any text, and tokens lie where they say', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("'", '"', '$', '-', '/', '*', ';', 'e', '\\', '\n', ' ', 'é', '1') }),
        (sql) => {
          for (const { text, start, end } of tokenize(sql).tokens) expect(sql.slice(start, end)).toBe(text);
        },
      ),
    );
  });
});

describe('names', () => {
  it('are found in words and quotes, not in strings and comments', () => {
    expect([...namesIn(`SELECT "Raw""x", a.B FROM T -- c\n WHERE 'd' = /* e */ $$f$$`)]).toEqual([
      ...['select', 'raw"x', 'a', 'b', 'from', 't', 'where'],
    ]);
    expect([...callsIn('f (1), "G"(2), h . i(3), (j), k, l/**/(4)')]).toEqual(['f', 'g', 'i', 'l']);
  });

  it('EXPLAIN gives what it explains', () => {
    expect(explainedStatement('explain ANALYZE select 1')).toBe('select 1');
    expect(explainedStatement('EXPLAIN (ANALYZE, FORMAT json) COPY x')).toBe('COPY x');
    expect(explainedStatement('/* c */ explain -- x\n select 1')).toBe('select 1');
    expect(explainedStatement('EXPLAIN')).toBe('');
    expect(explainedStatement('SELECT 1')).toBeUndefined();
  });
});
