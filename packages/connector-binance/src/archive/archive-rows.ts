import { type IdRange, RangeSet } from '@schemahub/coverage';

/** A row of an archive file as the API would have sent it. */
export interface ArchiveRow {
  readonly id: number;
  /** The members of REST with the file's own digits. */
  readonly record: string;
}

const LINE_FEED = 0x0a;
const ZERO = 0x30;
const NINE = 0x39;
/** Runs of consecutive ids in one file. More, and its rows are in no order that is worth following. */
const MAX_RUNS = 100_000;
/** No row is longer: a line without end must not fill the memory. */
const MAX_LINE = 1000;

/** id, price, qty, quoteQty, time, isBuyerMaker, isBestMatch; ms before 2025, then µs (EXCHANGES §2.5). */
const ROW =
  /^(0|[1-9]\d{0,15}),(\d+(?:\.\d+)?),(\d+(?:\.\d+)?),(\d+(?:\.\d+)?),([1-9]\d{12}|[1-9]\d{15}),([Tt]rue|[Ff]alse),([Tt]rue|[Ff]alse)\r?$/;

/** Reads one line; undefined for what is no row of a trades file (a header, a cut line, an aggregated trade). */
export function parseArchiveRow(line: string): ArchiveRow | undefined {
  const match = ROW.exec(line);
  if (match === null) return undefined;
  const [, idText, price, qty, quoteQty, time, maker, best] = match as unknown as string[];
  const id = Number(idText);
  if (!Number.isSafeInteger(id) || id === Number.MAX_SAFE_INTEGER) return undefined;
  const record = `{"id":${idText},"price":"${price}","qty":"${qty}","quoteQty":"${quoteQty}","time":${time},"isBuyerMaker":${maker!.toLowerCase()},"isBestMatch":${best!.toLowerCase()}}`;
  return { id, record };
}

/** The lines of a stream, a chunk's at a time. A last line without a line feed is a line too. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<readonly string[]> {
  let rest = '';
  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const lines: string[] = [];
    let start = 0;
    for (let feed = bytes.indexOf(LINE_FEED); feed >= 0; feed = bytes.indexOf(LINE_FEED, start)) {
      lines.push(rest + bytes.toString('latin1', start, feed));
      rest = '';
      start = feed + 1;
    }
    rest += bytes.toString('latin1', start);
    if (rest.length > MAX_LINE) throw new SyntaxError(`archive file: a line is longer than ${MAX_LINE} bytes`);
    yield lines;
  }
  if (rest !== '') yield [rest];
}

/** What a file holds, before any of it is taken. */
export interface ArchiveSurvey {
  /** Ids with exactly one readable row. */
  readonly ids: RangeSet;
  /** Rows that cannot be read, without a header. */
  readonly unreadable: number;
  /** Rows of ids that come more than once. */
  readonly repeated: number;
}

/** The ids that exactly one of the runs has. */
function idsOnce(runs: readonly IdRange[]): RangeSet {
  const sorted = [...runs].sort((a, b) => a.first - b.first);
  const shared: IdRange[] = [];
  let reach = -1;
  for (const { first, last } of sorted) {
    if (first <= reach) shared.push({ first, last: Math.min(last, reach) });
    reach = Math.max(reach, last);
  }
  return RangeSet.fromRanges(sorted).difference(RangeSet.fromRanges(shared));
}

/**
 * Reads a file through without keeping it: which ids it holds. Memory grows with the runs of consecutive ids, not with
 * the rows. Throws `SyntaxError` for a file whose rows are in no order.
 */
export async function surveyRows(chunks: AsyncIterable<Uint8Array>): Promise<ArchiveSurvey> {
  const runs: { first: number; last: number }[] = [];
  let run: { first: number; last: number } | undefined;
  let rows = 0;
  let unreadable = 0;
  let isFirst = true;
  for await (const lines of linesOf(chunks)) {
    for (const line of lines) {
      const id = parseArchiveRow(line)?.id;
      const code = line.charCodeAt(0);
      // Only the first line can be a header, and only one that does not begin with a digit.
      const isHeader = isFirst && !(code >= ZERO && code <= NINE);
      isFirst = false;
      if (id === undefined) {
        if (!isHeader) unreadable++;
        continue;
      }
      rows++;
      if (run !== undefined && id === run.last + 1) run.last = id;
      else {
        run = { first: id, last: id };
        if (runs.push(run) > MAX_RUNS) throw new SyntaxError(`archive file: its rows are in no order (${rows} read)`);
      }
    }
  }
  const ids = idsOnce(runs);
  return { ids, unreadable, repeated: rows - ids.count };
}
