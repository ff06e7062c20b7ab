import { QueryError, type QueryErrorCode } from '../errors.js';

/** DuckDB begins each message with the kind of error: https://duckdb.org/docs/stable/clients/c/api (duckdb_error_type). */
const codes: readonly (readonly [RegExp, QueryErrorCode])[] = [
  [/^(Parser|Syntax) Error/, 'syntax'],
  [/^(Binder|Catalog|Not implemented) Error/, 'invalid-query'],
  [/^Permission Error/, 'not-allowed'],
  [/configuration has been locked/, 'not-allowed'],
  [/^Out of Memory Error/, 'out-of-memory'],
  [/^(IO|HTTP) Error/, 'unreadable-file'],
  [/Failed to read file|No magic bytes found|Snappy decompression|not a GZIP stream/, 'unreadable-file'],
];

const remedies: Partial<Readonly<Record<QueryErrorCode, string>>> = {
  'not-allowed': 'This session reads the committed snapshot only. Ask for access outside when it is opened.',
  'unreadable-file': 'A file of the lake cannot be read: `schemahub verify --deep` names the damaged ones.',
};

const UNKNOWN_NAME = /^Catalog Error: (?:Table|Table Function) with name .+ does not exist/;
const SUGGESTION = /\nDid you mean "([^"]*)"\?/;

/** What DuckDB suggests for an unknown name, where it is one of ours and none of its own [pg_enum]; then all there are. */
function withNames(message: string, names: readonly string[]): string {
  if (names.length === 0 || !UNKNOWN_NAME.test(message)) return message;
  const suggested = SUGGESTION.exec(message)?.[1] ?? '';
  const isOurs = names.includes(suggested) || names.includes(`${suggested}()`);
  const kept = isOurs ? message : message.replace(SUGGESTION, '');
  return `${kept}\nThere are ${names.join(', ')}.`;
}

/** DuckDB's own words with a stable code, without its stack. `names`: tables and table macros of the session. */
export function queryErrorFrom(cause: unknown, names: readonly string[] = []): QueryError {
  if (cause instanceof QueryError) return cause;
  const words = cause instanceof Error ? cause.message : String(cause);
  // A listed file that is gone is looked for as a folder, which is not listed.
  const gone = /^Permission Error: Cannot access file "(.+)\/\*\*\/\*\.\w+"/.exec(words)?.[1];
  if (gone !== undefined) {
    return new QueryError('unreadable-file', `The file ${gone} does not exist.\n${remedies['unreadable-file']}`, {
      cause,
    });
  }
  const own = words.replace(/^Failed to (?:extract statements|execute prepared statement): /, '').trim();
  const message = withNames(own, names);
  const code = codes.find(([pattern]) => pattern.test(message))?.[1] ?? 'failed';
  const remedy = remedies[code];
  return new QueryError(code, remedy === undefined ? message : `${message}\n${remedy}`, { cause });
}
