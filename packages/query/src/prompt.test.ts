import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Catalog, QueryEngine, QueryResult, RunOptions } from './engine.js';
import { QueryError } from './errors.js';
import { completions, type PromptOptions, runPrompt } from './prompt.js';
import { resultOf } from './testing/snapshot-fixture.js';

const catalog: Catalog = {
  tables: [
    { name: 'trades_unified', columns: [{ name: 'trade_id', type: 'VARCHAR' }] },
    { name: 'raw_coinbase_trades', columns: [] },
  ],
  macros: [{ name: 'ohlcv', signature: 'ohlcv(symbol, bucket)', doc: 'Candles.' }],
};

/** An engine that echoes its SQL and remembers what it was asked. */
function echoEngine(run?: (sql: string, options?: RunOptions) => Promise<QueryResult>) {
  const asked: string[] = [];
  const engine: QueryEngine = {
    run: async (sql, options) => {
      asked.push(sql);
      return run ? run(sql, options) : resultOf({ sql: 'VARCHAR' }, [[sql]]);
    },
    catalog: async () => catalog,
    close: async () => undefined,
  };
  return { engine, asked };
}

async function session(typed: string, options: Partial<PromptOptions> = {}) {
  const { engine, asked } = echoEngine();
  const input = new PassThrough();
  const output = new PassThrough();
  let printed = '';
  output.on('data', (piece) => {
    printed += String(piece);
  });
  input.end(typed);
  const report = await runPrompt({ engine, input, output, format: 'csv', ...options });
  return { asked, report, printed };
}

describe('runPrompt', () => {
  it('runs statements at their semicolon, over several lines, in order', async () => {
    const { asked, report, printed } = await session("SELECT 1;\nSELECT\n ';'\n , 2; SELECT 3;\n");
    expect(asked).toEqual(['SELECT 1', "SELECT\n ';'\n , 2", 'SELECT 3']);
    expect(report).toEqual({ statements: 3, failures: 0 });
    expect(printed).toBe('sql\nSELECT 1\nsql\n"SELECT\n \';\'\n , 2"\nsql\nSELECT 3\n');
  });

  it('runs a last statement without semicolon when a pipe ends', async () => {
    expect((await session('SELECT 1;\nSELECT 2\n-- done')).asked).toEqual(['SELECT 1', 'SELECT 2\n-- done']);
    expect((await session('-- nothing\n\n')).asked).toEqual([]);
  });

  it('goes on after a failure and counts it', async () => {
    const { engine } = echoEngine(async (sql) => {
      if (sql === 'bad') throw new QueryError('syntax', 'Parser Error: bad');
      return resultOf({ n: 'INTEGER' }, [[1]]);
    });
    const { report, printed } = await session('bad;\nSELECT 1;\n', { engine });
    expect(report).toEqual({ statements: 2, failures: 1 });
    expect(printed).toBe('Parser Error: bad\nn\n1\n');
  });

  it('knows its commands', async () => {
    const { printed, report, asked } = await session(
      '.tables\n.schema trades_unified\n.schema ohlcv\n.mode jsonl\nx;\n.quit\nSELECT 1;\n',
    );
    expect(printed).toContain('trades_unified\nraw_coinbase_trades\nohlcv(symbol, bucket)\n  Candles.\n');
    expect(printed).toContain('trades_unified\n  trade_id VARCHAR\n');
    expect(printed).toContain('{"sql":"x"}\n');
    expect(report).toEqual({ statements: 1, failures: 0 });
    expect(asked).toEqual(['x']);
    expect((await session('.help\n')).printed).toContain('.mode FORMAT');
    expect((await session('.schema\n')).printed).toContain('columns are known after its first use');
  });

  it('tells wrong commands', async () => {
    const { printed, report } = await session('.nope\n.mode xml\n.schema nowhere\n');
    expect(report.failures).toBe(3);
    expect(printed).toContain('There is no command .nope; .help lists them.');
    expect(printed).toContain('.mode takes one of table, json, jsonl, csv, markdown, got "xml".');
    expect(printed).toContain('There is no table or macro nowhere');
  });

  it('does not take a line of SQL that begins with a dot for a command', async () => {
    expect((await session('SELECT 1\n.5;\n')).asked).toEqual(['SELECT 1\n.5']);
  });

  it('asks with a prompt in a terminal, and again for more lines', async () => {
    const input = new PassThrough();
    input.write('SELECT\n1;\n.quit\n');
    const { printed } = await session('', { terminal: true, input });
    expect(printed).toContain('schemahub> ');
    expect(printed).toContain('      ...> ');
  });

  it('ends quietly when a terminal closes while lines wait', async () => {
    const { asked, report } = await session('SELECT 1;\nSELECT 2;\nSELECT', { terminal: true });
    expect(asked).toEqual(['SELECT 1', 'SELECT 2']);
    expect(report.failures).toBe(0);
  });

  it('hands the history out, newest first', async () => {
    let kept: readonly string[] = [];
    const onHistory = (lines: readonly string[]) => {
      kept = lines;
    };
    await session('SELECT 1;\nSELECT 2;\n.quit\n', { terminal: true, history: ['older'], onHistory });
    expect(kept.slice(0, 4)).toEqual(['.quit', 'SELECT 2;', 'SELECT 1;', 'older']);
  });

  it('Ctrl-C stops the running query and the session goes on', async () => {
    const input = new PassThrough();
    const { engine, asked } = echoEngine((sql, options) => {
      if (sql !== 'endless') return Promise.resolve(resultOf({ n: 'INTEGER' }, [[1]]));
      return new Promise((_, reject) => {
        options?.signal?.addEventListener('abort', () => reject(options.signal?.reason));
        input.write('\u0003');
        input.write('SELECT 1;\n.quit\n');
      });
    });
    const output = new PassThrough();
    let printed = '';
    output.on('data', (piece) => {
      printed += String(piece);
    });
    input.write('endless;\n');
    const report = await runPrompt({ engine, input, output, terminal: true, format: 'csv' });
    expect(asked).toEqual(['endless', 'SELECT 1']);
    expect(report).toEqual({ statements: 2, failures: 1 });
    expect(printed).toContain('Stopped.');
  });

  it('Ctrl-C at the prompt drops what was typed', async () => {
    const { engine, asked } = echoEngine();
    const input = new PassThrough();
    const output = new PassThrough();
    let printed = '';
    let isAnswered = false;
    output.on('data', (piece) => {
      printed += String(piece);
      if (isAnswered || !printed.includes('      ...> ')) return;
      isAnswered = true;
      input.end('wrong\u0003SELECT 1;\n.quit\n');
    });
    input.write('SELECT\n');
    await runPrompt({ engine, input, output, terminal: true, format: 'csv' });
    expect(asked).toEqual(['SELECT 1']);
  });

  it('the signal ends the session', async () => {
    const controller = new AbortController();
    const { engine } = echoEngine((_, options) => {
      controller.abort();
      return Promise.reject(options?.signal?.reason);
    });
    const report = await runPrompt({
      engine,
      input: new PassThrough().end('SELECT 1;\nSELECT 2;\n'),
      output: new PassThrough().resume(),
      signal: controller.signal,
    });
    expect(report).toEqual({ statements: 1, failures: 1 });
  });

  it('waits for a slow reader', async () => {
    const rows = Array.from({ length: 2000 }, (_, index) => [`row ${index} ${'x'.repeat(100)}`]);
    const { engine } = echoEngine(async () => resultOf({ a: 'VARCHAR' }, rows));
    let most = 0;
    let lines = 0;
    const output = new Writable({
      highWaterMark: 1024,
      write: (piece, _, done) => {
        most = Math.max(most, output.writableLength);
        lines += String(piece).split('\n').length - 1;
        setImmediate(done);
      },
    });
    await runPrompt({ engine, input: new PassThrough().end('all;\n'), output, format: 'csv' });
    await new Promise((resolve) => output.end(resolve));
    expect(lines).toBe(2001);
    expect(most).toBeLessThan(2048);
  });
});

describe('completions', () => {
  it('offers tables, columns, macros and keywords by their beginning', () => {
    expect(completions(catalog, 'SELECT TRADE')).toEqual([['trade_id', 'trades_unified'], 'TRADE']);
    expect(completions(catalog, 'FROM oh')).toEqual([['ohlcv('], 'oh']);
    expect(completions(catalog, 'sel')).toEqual([['SELECT'], 'sel']);
    expect(completions(catalog, '.t')).toEqual([['.tables'], '.t']);
    expect(completions(catalog, 'nothing like it')).toEqual([[], 'it']);
  });
});
