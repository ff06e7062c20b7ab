import type { QueryResult } from './engine.js';
import { QueryError } from './errors.js';
import { formatTable } from './format-table.js';
import { cellText, csvField, jsonObject } from './format-values.js';

/** What `formatResult` can write. Parquet is no text: `QueryEngine.exportParquet` writes it. */
export const textFormats = ['table', 'json', 'jsonl', 'csv', 'markdown'] as const;

export type TextFormat = (typeof textFormats)[number];

export function isTextFormat(name: string): name is TextFormat {
  return (textFormats as readonly string[]).includes(name);
}

export interface FormatOptions {
  readonly format: TextFormat;
  /** Characters a line of `table` may have. Default: no limit. Other formats never cut. */
  readonly width?: number | undefined;
}

async function* formatCsv({ columns, rows }: QueryResult): AsyncGenerator<string> {
  if (columns.length > 0) yield `${columns.map((column) => csvField(column.name)).join(',')}\n`;
  for await (const batch of rows) yield batch.map((row) => `${row.map(csvField).join(',')}\n`).join('');
}

async function* formatJsonLines({ columns, rows }: QueryResult): AsyncGenerator<string> {
  const names = columns.map((column) => JSON.stringify(column.name));
  for await (const batch of rows) yield batch.map((row) => `${jsonObject(names, row)}\n`).join('');
}

async function* formatJson({ columns, rows }: QueryResult): AsyncGenerator<string> {
  const names = columns.map((column) => JSON.stringify(column.name));
  let separator = '[\n';
  for await (const batch of rows) {
    let text = '';
    for (const row of batch) {
      text += separator + jsonObject(names, row);
      separator = ',\n';
    }
    yield text;
  }
  yield separator === '[\n' ? '[]\n' : '\n]\n';
}

/** Pipes and line breaks would end a cell. */
const markdownCell = (text: string): string =>
  text
    .replaceAll('\\', '\\\\')
    .replaceAll('|', '\\|')
    .replace(/\r?\n|\r/g, '<br>');

async function* formatMarkdown({ columns, rows }: QueryResult): AsyncGenerator<string> {
  const line = (cells: readonly string[]): string => `| ${cells.map(markdownCell).join(' | ')} |\n`;
  if (columns.length > 0)
    yield `${line(columns.map((column) => column.name))}|${columns.map(() => ' --- |').join('')}\n`;
  for await (const batch of rows) yield batch.map((row) => line(row.map(cellText))).join('');
}

/**
 * A result as text, piece by piece: what is in memory does not grow with the result. When the query fails half-way the
 * iteration throws, so that what was written until then is not taken for the whole.
 */
export function formatResult(result: QueryResult, options: FormatOptions): AsyncIterable<string> {
  const { format, width } = options;
  if (width !== undefined && !(width >= 1)) {
    throw new QueryError('invalid-options', `width must be a number from 1, got ${String(width)}.`);
  }
  switch (format) {
    case 'table':
      return formatTable(result, width);
    case 'json':
      return formatJson(result);
    case 'jsonl':
      return formatJsonLines(result);
    case 'csv':
      return formatCsv(result);
    case 'markdown':
      return formatMarkdown(result);
    default:
      throw new QueryError(
        'invalid-options',
        `format must be one of ${textFormats.join(', ')}, got "${String(format)}".`,
      );
  }
}
