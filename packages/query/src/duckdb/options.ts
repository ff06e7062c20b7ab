import { isAbsolute } from 'node:path';
import { QueryError } from '../errors.js';

/** A column of `trades_unified`, as `@schemahub/core` describes it. Files are read by field id, not by name. */
export interface TableColumn {
  readonly name: string;
  readonly fieldId: number;
  readonly type: 'string' | 'double' | 'timestamp' | 'int64' | 'boolean' | 'decimal';
}

/** A column of a JSON Lines view, with DuckDB's name for its type. */
export interface JsonColumn {
  readonly name: string;
  readonly type: string;
}

/** JSON Lines files (gzip by their name), listed when a query names their view for the first time. */
export interface JsonSource {
  readonly files: readonly string[] | (() => Promise<readonly string[]>);
  /** Folder (or URL prefix) that holds the files; reading below it is allowed. Required when `files` is a function. */
  readonly directory?: string | undefined;
  /** Default: found by looking at the first files; dates and numbers in quotes stay text. */
  readonly columns?: readonly JsonColumn[] | undefined;
}

/** One product's progress, as `schemahub_watermarks` shows it. Ids are numbers, times RFC 3339, ranges text. */
export interface WatermarkRow {
  readonly exchange: string;
  readonly product_id: string;
  readonly origin?: string | null | undefined;
  readonly epoch?: number | null | undefined;
  readonly cursor?: number | null | undefined;
  readonly anchor?: number | null | undefined;
  readonly floor?: number | null | undefined;
  readonly head?: number | null | undefined;
  readonly head_seen_at?: string | null | undefined;
  readonly last_trade_id?: number | null | undefined;
  readonly last_trade_ts?: string | null | undefined;
  readonly trades_processed?: number | null | undefined;
  readonly fetched?: string | null | undefined;
  readonly void?: string | null | undefined;
  readonly last_updated?: string | null | undefined;
}

export interface OpenDuckdbOptions {
  /** The committed snapshot: its live Parquet files and no others, and the columns of the table. */
  readonly table: { readonly files: readonly string[]; readonly columns: readonly TableColumn[] };
  /** Raw records by exchange in lower case: each becomes the view `raw_{exchange}_trades`, made on first use. */
  readonly raw?: Readonly<Record<string, readonly string[] | JsonSource>> | undefined;
  /** Rows of `schemahub_watermarks`. Default: none. */
  readonly watermarks?: readonly WatermarkRow[] | undefined;
  /** Records that the mapping refused: the view `quarantine`, made on first use. Default: none. */
  readonly quarantine?: readonly string[] | JsonSource | undefined;
  /** What relative file names are relative to: an absolute folder or a URL. Default: names must be absolute. */
  readonly lakeRoot?: string | undefined;
  /** The one file that `exportParquet` may write. Default: exports are refused. */
  readonly exportFile?: string | undefined;
  /** Let SQL read and write anywhere and change settings, as the duckdb program does. Default false. */
  readonly allowOutside?: boolean | undefined;
  /** Statements run before the doors close: `LOAD httpfs`, `CREATE SECRET …` for a lake behind URLs. Default none. */
  readonly setupSql?: readonly string[] | undefined;
  /** Folder for what does not fit into memory. Default: none, such queries end with `out-of-memory`. */
  readonly tempDirectory?: string | undefined;
  /** 1 or more. Default: one a core. */
  readonly threads?: number | undefined;
  /** As DuckDB writes it: `2GB`. Default: 80 % of the machine's. */
  readonly memoryLimit?: string | undefined;
}

function refuse(option: string, expected: string, got: unknown): never {
  const shown = typeof got === 'string' ? `"${got}"` : String(got);
  throw new QueryError('invalid-options', `openDuckdb: ${option} must be ${expected}, got ${shown}.`);
}

const isUrl = (path: string): boolean => /^[a-z][a-z0-9+.-]+:\/\//i.test(path);

function checkLocation(option: string, path: unknown): asserts path is string {
  if (typeof path !== 'string' || (!isAbsolute(path) && !isUrl(path))) {
    refuse(option, 'an absolute path or a URL', path);
  }
}

/**
 * The absolute name of a listed file. DuckDB takes `* ? [` in names as patterns, which could read files that no commit
 * lists, so such names are refused.
 */
export function absoluteFile(option: string, path: string, lakeRoot: string | undefined): string {
  if (typeof path !== 'string' || path === '') refuse(option, 'a file name', path);
  const full =
    lakeRoot === undefined || isAbsolute(path) || isUrl(path) ? path : `${lakeRoot.replace(/[/\\]+$/, '')}/${path}`;
  checkLocation(option, full);
  if (/[*?[\0]/.test(full))
    refuse(option, 'a name without * ? [ (DuckDB reads them as patterns): rename the folder', full);
  return full;
}

function checkColumns(columns: readonly TableColumn[]): void {
  if (!Array.isArray(columns) || columns.length === 0) refuse('table.columns', 'a list of columns', columns);
  const ids = new Set<number>();
  for (const { name, fieldId } of columns) {
    if (typeof name !== 'string' || name === '') refuse('table.columns[].name', 'a name', name);
    if (!Number.isSafeInteger(fieldId) || fieldId < 0 || ids.has(fieldId)) {
      refuse(`table.columns[${name}].fieldId`, 'a whole number of its own', fieldId);
    }
    ids.add(fieldId);
  }
}

function checkSource(option: string, source: readonly string[] | JsonSource): void {
  if (Array.isArray(source)) return;
  const { files, directory } = source as JsonSource;
  if (typeof files !== 'function' && !Array.isArray(files)) refuse(`${option}.files`, 'a list or a function', files);
  if (directory !== undefined) checkLocation(`${option}.directory`, directory);
  if (typeof files === 'function' && directory === undefined) {
    refuse(`${option}.directory`, 'given when files is a function (what may be read is fixed at the start)', directory);
  }
}

/** Throws `QueryError` (`invalid-options`) with a sentence at the first option that cannot be. */
export function checkOptions(options: OpenDuckdbOptions): void {
  const { table, threads, memoryLimit, lakeRoot, exportFile, tempDirectory } = options;
  if (typeof table !== 'object' || table === null) refuse('table', '{files, columns}', table);
  if (!Array.isArray(table.files)) refuse('table.files', 'a list of files', table.files);
  checkColumns(table.columns);
  if (lakeRoot !== undefined) checkLocation('lakeRoot', lakeRoot);
  if (exportFile !== undefined && !isAbsolute(exportFile)) refuse('exportFile', 'an absolute path', exportFile);
  if (tempDirectory !== undefined && !isAbsolute(tempDirectory))
    refuse('tempDirectory', 'an absolute path', tempDirectory);
  if (threads !== undefined && !(Number.isSafeInteger(threads) && threads >= 1)) {
    refuse('threads', 'a whole number from 1', threads);
  }
  if (memoryLimit !== undefined && !/^\d+(\.\d+)?\s*([KMGT]i?B|B)$/i.test(memoryLimit)) {
    refuse('memoryLimit', 'a size such as 2GB', memoryLimit);
  }
  for (const [exchange, source] of Object.entries(options.raw ?? {})) {
    if (!/^[a-z][a-z0-9_]*$/.test(exchange)) refuse('raw', 'named by exchanges in lower case', exchange);
    checkSource(`raw.${exchange}`, source);
  }
  if (options.quarantine !== undefined) checkSource('quarantine', options.quarantine);
}
