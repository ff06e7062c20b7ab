import { QueryError } from '../errors.js';
import { queryErrorFrom } from './duckdb-errors.js';
import { createMacro, macros } from './macros.js';
import { absoluteFile, type OpenDuckdbOptions } from './options.js';
import { listText, literal } from './sql-literals.js';
import { curatedView, type LazyView, tradesView, watermarksTable } from './views.js';

export type DuckdbModule = typeof import('@duckdb/node-api');
export type Connection = import('@duckdb/node-api').DuckDBConnection;
type Instance = import('@duckdb/node-api').DuckDBInstance;

/** An open in-memory database with its one connection. */
export interface Session {
  readonly duckdb: DuckdbModule;
  readonly connection: Connection;
  readonly close: () => void;
}

/** The package is 68 MB and optional: it is loaded when the first engine is opened. */
async function loadDuckdb(): Promise<DuckdbModule> {
  try {
    return await import('@duckdb/node-api');
  } catch (cause) {
    throw new QueryError(
      'engine-missing',
      'DuckDB is not installed, and `query` on this machine needs it: npm install @duckdb/node-api@1.5.6-r.1 (or use the engine athena).',
      { cause },
    );
  }
}

/** Nothing is downloaded and nothing is kept on this machine, whoever asks. */
function configuration(options: OpenDuckdbOptions): Record<string, string> {
  const config: Record<string, string> = {
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false',
    allow_persistent_secrets: 'false',
    temp_directory: options.tempDirectory ?? '',
  };
  if (options.threads !== undefined) config.threads = String(options.threads);
  if (options.memoryLimit !== undefined) config.memory_limit = options.memoryLimit;
  return config;
}

/** What SQL may read: the listed files one by one; folders only for sources that are listed later. */
function allowed(options: OpenDuckdbOptions, files: readonly string[], lazy: readonly LazyView[]): string[] {
  const listed = lazy.flatMap(({ name, source }) =>
    Array.isArray(source.files) ? source.files.map((file) => absoluteFile(name, file, options.lakeRoot)) : [],
  );
  const folders = lazy.flatMap(({ source }) => (source.directory === undefined ? [] : [source.directory]));
  const paths = [...files, ...listed, ...(options.exportFile === undefined ? [] : [options.exportFile])];
  const directories = folders.map((folder) => (folder.endsWith('/') ? folder : `${folder}/`));
  return [`SET allowed_paths = ${listText(paths)}`, `SET allowed_directories = ${listText(directories)}`];
}

/** A file without field ids would read as nulls only, silently; all files of a snapshot come from one writer. */
async function checkFieldIds(connection: Connection, file: string): Promise<void> {
  const reader = await connection.runAndReadAll(
    `SELECT count(*) FROM parquet_schema(${literal(file)}) WHERE field_id IS NOT NULL`,
  );
  if (Number(reader.value(0, 0)) > 0) return;
  throw new QueryError(
    'unreadable-file',
    `${file} has no field ids, so its columns cannot be told: it was not written by SchemaHub. Run \`schemahub verify --deep\`.`,
  );
}

async function prepare(connection: Connection, options: OpenDuckdbOptions, lazy: readonly LazyView[]): Promise<void> {
  const { table, lakeRoot } = options;
  const files = table.files.map((file) => absoluteFile('table.files[]', file, lakeRoot));
  // ICU is part of the Node build of DuckDB, so this loads nothing.
  await connection.run("SET TimeZone = 'UTC'");
  for (const sql of options.setupSql ?? []) await connection.run(sql);
  if (options.allowOutside !== true) {
    for (const sql of allowed(options, files, lazy)) await connection.run(sql);
    await connection.run('SET enable_external_access = false');
  }
  const [first] = files;
  if (first !== undefined) await checkFieldIds(connection, first);
  const statements = [tradesView(files, table.columns), curatedView, watermarksTable(options.watermarks)];
  for (const sql of [...statements, ...macros.map(createMacro)]) await connection.run(sql);
  if (options.allowOutside !== true) await connection.run('SET lock_configuration = true');
}

/** Opens the database, makes the views, then closes its doors. */
export async function openSession(options: OpenDuckdbOptions, lazy: readonly LazyView[]): Promise<Session> {
  const duckdb = await loadDuckdb();
  let instance: Instance | undefined;
  try {
    instance = await duckdb.DuckDBInstance.create(':memory:', configuration(options));
    const connection = await instance.connect();
    await prepare(connection, options, lazy);
    const opened = instance;
    return {
      duckdb,
      connection,
      close: () => {
        connection.closeSync();
        opened.closeSync();
      },
    };
  } catch (cause) {
    instance?.closeSync();
    throw queryErrorFrom(cause);
  }
}
