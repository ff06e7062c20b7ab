import type { QueryColumn, QueryResult, QueryRow, QueryValue } from './engine.js';
import { cellText } from './format-values.js';

/** Column widths are measured on so many rows; later values that are longer are cut. Bounds the memory. */
const measuredRows = 1000;
/** No column is made narrower than this; columns that still do not fit are left out. */
const leastWidth = 8;
/** A cut number is another number, and a time without its minute is none: these stay this wide. */
const leastWidthOfNumbersAndTimes = 16;
const separator = ' | ';
/** Without a terminal nothing is cut. */
const unlimited = Number.POSITIVE_INFINITY;

const isNumeric = (column: QueryColumn): boolean =>
  /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL|BIGNUM)/i.test(column.type);

const isTime = (column: QueryColumn): boolean => /^TIMESTAMP/i.test(column.type);

/** A time as a person reads it: nothing behind a whole second, which is what candles begin at. */
const withoutZeros = (time: string): string => time.replace(/(:\d\d)\.0+(?=Z?$)/, '$1');

/** Control characters could move the cursor or recolour a terminal; they are shown, not sent. */
function shown(value: QueryValue): string {
  if (value === null) return 'NULL';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return cellText(value).replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) => {
    if (character === '\n') return '\\n';
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}

const lengthOf = (text: string): number => [...text].length;

interface Layout {
  readonly widths: readonly number[];
  /** Columns that have no room at the right. */
  readonly hidden: number;
}

/**
 * Takes width from the widest columns first, from none below its entry in `least` (default 8); leaves out columns at the
 * right when even the least widths do not fit.
 */
export function planLayout(natural: readonly number[], width: number, least?: readonly number[]): Layout {
  const leastOf = (index: number): number => Math.min(natural[index]!, least?.[index] ?? leastWidth);
  const room = (count: number): number => width - separator.length * (count - 1);
  let count = natural.length;
  const leastSum = (upTo: number): number => natural.slice(0, upTo).reduce((sum, _, index) => sum + leastOf(index), 0);
  while (count > 1 && leastSum(count) > room(count)) count -= 1;
  const widths = natural.slice(0, count);
  let excess = widths.reduce((sum, one) => sum + one, 0) - room(count);
  while (excess > 0) {
    // A single column gets what there is, however little.
    const floorOf = (index: number): number => (count > 1 ? leastOf(index) : 1);
    const index = widths.reduce(
      (best, one, at) => (one > floorOf(at) && (best < 0 || one > widths[best]!) ? at : best),
      -1,
    );
    if (index < 0) break;
    const widest = widths[index]!;
    const next = Math.max(...widths.filter((one) => one < widest), floorOf(index));
    const cut = Math.min(excess, Math.max(1, widest - Math.min(next, widest - 1)));
    widths[index] = widest - cut;
    excess -= cut;
  }
  return { widths, hidden: natural.length - count };
}

/** A table for people: padded columns, numbers at the right, a last line that says what was cut. */
export async function* formatTable(result: QueryResult, width: number = unlimited): AsyncGenerator<string> {
  const { columns } = result;
  if (columns.length === 0) {
    for await (const _ of result.rows);
    yield 'OK\n';
    return;
  }
  const names = columns.map((column) => shown(column.name));
  const numeric = columns.map(isNumeric);
  const times = columns.map(isTime);
  let layout: Layout | undefined;
  let cutValues = 0;
  let waiting: string[][] = [];

  const line = (cells: readonly string[]): string => {
    const padded = (layout?.widths ?? []).map((room, index) => {
      let cell = cells[index] ?? '';
      if (lengthOf(cell) > room) {
        cell = `${[...cell].slice(0, room - 1).join('')}…`;
        cutValues += 1;
      }
      const space = ' '.repeat(room - lengthOf(cell));
      return numeric[index] ? space + cell : cell + space;
    });
    return `${padded.join(separator).trimEnd()}\n`;
  };
  const begin = (): string => {
    const natural = names.map((name, index) =>
      waiting.reduce((most, cells) => Math.max(most, lengthOf(cells[index] ?? '')), Math.max(1, lengthOf(name))),
    );
    layout = planLayout(
      natural,
      width,
      columns.map((column) => (isNumeric(column) || isTime(column) ? leastWidthOfNumbersAndTimes : leastWidth)),
    );
    const rule = layout.widths.map((room) => '-'.repeat(room)).join('-+-');
    const text = `${line(names)}${rule}\n${waiting.map(line).join('')}`;
    waiting = [];
    return text;
  };

  for await (const batch of result.rows) {
    const cells = batch.map((row: QueryRow) =>
      columns.map((_, index) => {
        const cell = shown(row[index] ?? null);
        return times[index] ? withoutZeros(cell) : cell;
      }),
    );
    if (layout) {
      yield cells.map(line).join('');
    } else {
      waiting.push(...cells);
      if (waiting.length >= measuredRows) yield begin();
    }
  }
  if (!layout) yield begin();
  yield footer(result, (layout as Layout | undefined)?.hidden ?? 0, cutValues);
}

function footer(result: QueryResult, hidden: number, cutValues: number): string {
  const rows = `${result.rowCount.toLocaleString('en-US')} row${result.rowCount === 1 ? '' : 's'}`;
  const cuts = [
    ...(hidden > 0 ? [`${hidden} column${hidden === 1 ? '' : 's'} not shown`] : []),
    ...(cutValues > 0 ? [`${cutValues.toLocaleString('en-US')} value${cutValues === 1 ? '' : 's'} cut with …`] : []),
  ];
  const all = cuts.length > 0 ? `; ${cuts.join(', ')} to fit: -o jsonl shows everything` : '';
  return `(${result.truncated ? `the first ${rows}; there are more` : rows}${all})\n`;
}
