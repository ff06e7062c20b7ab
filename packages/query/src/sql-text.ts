/** A piece of SQL text. Comments and white space are left out. */
export interface SqlToken {
  readonly kind: 'word' | 'quoted' | 'string' | 'symbol';
  /** Verbatim, quotes included. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** False for a string or quoted name whose end is missing. */
  readonly closed: boolean;
}

/**
 * Which lexical class starts here, tried in order: DuckDB's (PostgreSQL's) rules for comments, dollar quotes, escape
 * strings, strings, quoted names and words. https://duckdb.org/docs/stable/sql/data_types/literal_types
 */
const space = /\s+|--[^\n]*/y;
const dollar = /\$([A-Za-z_]\w*)?\$/y;
const escapeString = /[eE]'(?:[^'\\]|\\[\s\S]|'')*('?)/y;
const plainString = /'(?:[^']|'')*('?)/y;
const quotedName = /"(?:[^"]|"")*("?)/y;
const word = /[\p{L}_][\p{L}\p{N}_$]*/uy;
const number = /\d[\w.]*/y;

function match(pattern: RegExp, sql: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(sql);
}

/** The end of a block comment that starts at `at`; they nest. -1 when it never ends. */
function blockCommentEnd(sql: string, at: number): number {
  let depth = 0;
  for (let index = at; index < sql.length; index += 1) {
    if (sql.startsWith('/*', index)) {
      depth += 1;
      index += 1;
    } else if (sql.startsWith('*/', index)) {
      depth -= 1;
      index += 1;
      if (depth === 0) return index + 1;
    }
  }
  return -1;
}

function tokenAt(sql: string, start: number): SqlToken {
  const token = (kind: SqlToken['kind'], end: number, closed = true): SqlToken => ({
    kind,
    text: sql.slice(start, end),
    start,
    end,
    closed,
  });
  const opening = match(dollar, sql, start);
  if (opening) {
    const end = sql.indexOf(opening[0], start + opening[0].length);
    return end === -1 ? token('string', sql.length, false) : token('string', end + opening[0].length);
  }
  for (const pattern of [escapeString, plainString]) {
    const text = match(pattern, sql, start);
    if (text) return token('string', start + text[0].length, text[1] === "'");
  }
  const quoted = match(quotedName, sql, start);
  if (quoted) return token('quoted', start + quoted[0].length, quoted[1] === '"');
  const name = match(word, sql, start);
  if (name) return token('word', start + name[0].length);
  const digits = match(number, sql, start);
  return token('symbol', start + (digits ? digits[0].length : 1));
}

/** The tokens of a text, and whether it ends inside a comment, a string or a quoted name. */
export function tokenize(sql: string): { readonly tokens: readonly SqlToken[]; readonly open: boolean } {
  const tokens: SqlToken[] = [];
  let at = 0;
  while (at < sql.length) {
    const blank = match(space, sql, at);
    if (blank) {
      at += blank[0].length;
    } else if (sql.startsWith('/*', at)) {
      const end = blockCommentEnd(sql, at);
      if (end === -1) return { tokens, open: true };
      at = end;
    } else {
      const token = tokenAt(sql, at);
      tokens.push(token);
      if (!token.closed) return { tokens, open: true };
      at = token.end;
    }
  }
  return { tokens, open: false };
}

/** `statements` ended with a semicolon; `rest` is what follows the last one ('' when that is only space or comments). */
export interface SplitSql {
  readonly statements: readonly string[];
  readonly rest: string;
}

/** Cuts a text at its semicolons, those in strings, names and comments excepted. Empty statements are dropped. */
export function splitStatements(sql: string): SplitSql {
  const { tokens, open } = tokenize(sql);
  const statements: string[] = [];
  let from = 0;
  let isEmpty = true;
  for (const token of tokens) {
    if (token.text !== ';') {
      isEmpty = false;
      continue;
    }
    if (!isEmpty) statements.push(sql.slice(from, token.start).trim());
    from = token.end;
    isEmpty = true;
  }
  return { statements, rest: isEmpty && !open ? '' : sql.slice(from).trim() };
}

/** Names used in a text, lower case, quotes removed. */
export function namesIn(sql: string): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { kind, text } of tokenize(sql).tokens) {
    if (kind === 'word') names.add(text.toLowerCase());
    if (kind === 'quoted') names.add(text.slice(1, -1).replaceAll('""', '"').toLowerCase());
  }
  return names;
}

/** Names that are directly followed by `(`, lower case, quotes removed. */
export function callsIn(sql: string): ReadonlySet<string> {
  const { tokens } = tokenize(sql);
  const names = new Set<string>();
  for (const [index, { kind, text }] of tokens.entries()) {
    if (tokens[index + 1]?.text !== '(') continue;
    if (kind === 'word') names.add(text.toLowerCase());
    if (kind === 'quoted') names.add(text.slice(1, -1).replaceAll('""', '"').toLowerCase());
  }
  return names;
}

/** The statement inside `EXPLAIN [ANALYZE | (options)] …`; undefined when the text is no EXPLAIN. */
export function explainedStatement(sql: string): string | undefined {
  const { tokens } = tokenize(sql);
  if (tokens[0]?.text.toLowerCase() !== 'explain') return undefined;
  let index = 1;
  if (tokens[index]?.text === '(') {
    while (index < tokens.length && tokens[index]?.text !== ')') index += 1;
    index += 1;
  }
  if (tokens[index]?.text.toLowerCase() === 'analyze') index += 1;
  const inner = tokens[index];
  return inner === undefined ? '' : sql.slice(inner.start);
}
