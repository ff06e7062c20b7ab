/** One column of a printed table. */
export interface TextColumn {
  readonly title: string;
  readonly align?: 'left' | 'right' | undefined;
}

/** 1234567 as 1,234,567: the same in every locale. */
export function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** Bytes as a person reads them: 12.3 MB. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return unit === 0 ? `${bytes} B` : `${value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

/** Seconds as 1 h 02 min, 3 min 20 s or 4.2 s. */
export function durationText(seconds: number): string {
  if (!Number.isFinite(seconds)) return 'unknown';
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.floor(seconds % 60)).padStart(2, '0')} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** A bar of `width` cells, `share` of them full: whole only when the share is 1. */
export function bar(share: number, width: number): string {
  const full = share >= 1 ? width : Math.min(width - 1, Math.floor(share * width));
  return `${'█'.repeat(Math.max(0, full))}${'░'.repeat(width - Math.max(0, full))}`;
}

/** Rows under titles, aligned; a row that is wider than `columns` loses its end to an ellipsis. */
export function textTable(columns: readonly TextColumn[], rows: readonly (readonly string[])[], width: number): string {
  const widths = columns.map(({ title }, i) => Math.max(title.length, ...rows.map((row) => (row[i] ?? '').length)));
  const line = (cells: readonly string[]): string => {
    const text = columns
      .map(({ align }, i) =>
        align === 'right' ? (cells[i] ?? '').padStart(widths[i]!) : (cells[i] ?? '').padEnd(widths[i]!),
      )
      .join('  ')
      .trimEnd();
    return text.length > width ? `${text.slice(0, Math.max(1, width - 1))}…` : text;
  };
  const rule = widths.map((cells) => '─'.repeat(cells)).join('  ');
  const titles = line(columns.map(({ title }) => title));
  return [titles, rule.slice(0, width), ...rows.map(line)].map((text) => `${text}\n`).join('');
}

/** Products by what is said of them, in the order of their first: what is true of eleven of them is said once. */
export function byReason(
  products: readonly { readonly productId: string; readonly reason?: string | null | undefined }[],
): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const { productId, reason } of products)
    if (reason !== undefined && reason !== null) groups.set(reason, [...(groups.get(reason) ?? []), productId]);
  return groups;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours and movements of the cursor take no room.
const CONTROL = /\u001b\[[0-9;]*[A-Za-z]|\r/g;

/** Lines that are too long for a terminal, broken between words; what follows keeps the indent of its line. */
export function wrapWords(text: string, width: number, indent?: number): string {
  return text
    .split('\n')
    .map((line) => {
      const pad = ' '.repeat(indent ?? /^ */.exec(line)![0].length);
      let used = 0;
      return line.split(/(?<=\S)( +)(?=\S)/).reduce((wrapped, part, at) => {
        const room = part.replace(CONTROL, '').length;
        if (at % 2 === 1) {
          used += room;
          return wrapped + part;
        }
        if (at === 0 || used + room <= width) {
          used += room;
          return wrapped + part;
        }
        used = pad.length + room;
        return `${wrapped.trimEnd()}\n${pad}${part}`;
      }, '');
    })
    .join('\n');
}

/** A sentence after `column` cells: in a terminal its further lines begin below its first. */
export function hanging(
  text: string,
  column: number,
  io: { readonly isTerminal: boolean; readonly columns: number },
): string {
  if (!io.isTerminal) return text;
  const [first = '', ...rest] = wrapWords(text, Math.max(20, io.columns - column)).split('\n');
  return [first, ...rest.map((line) => ' '.repeat(column) + line)].join('\n');
}

/** A result in sentences: broken between words in a terminal, one line each for a pipe. */
export function say(
  io: { readonly out: (text: string) => void; readonly isTerminal: boolean; readonly columns: number },
  text: string,
): void {
  io.out(io.isTerminal ? wrapWords(text, io.columns) : text);
}
