import type { IngestEvent } from '@schemahub/ingest';
import type { Invocation } from './command.js';

/** Log lines of a run: the texts that saved queries match (SPEC 7). */
export interface FetchLog {
  readonly onEvent: (event: IngestEvent) => void;
  readonly line: (text: string) => void;
}

const CAUSES = { server: 'SERVER ERROR', timeout: 'TIMEOUT', connection: 'CONNECTION', body: 'BAD BODY' } as const;

function failureText(event: Extract<IngestEvent, { type: 'request-failed' }>): string {
  const { product, error, attempt, attempts } = event;
  const tries =
    event.retryInMs === undefined
      ? `giving up after attempt ${attempt}/${attempts}`
      : `attempt ${attempt + 1}/${attempts}`;
  if (error.kind === 'rate') return `[API] ${product}: RATE LIMITED (429), re-queued (${tries})`;
  if (error.kind !== 'transient') return `[API] ${product}: ${error.message}`;
  const cause = CAUSES[error.transient ?? 'server'];
  const status =
    error.transient === 'server' ? ` status=${error.status ?? 'unknown'}` : ` ${error.message.replace(/\.$/, '')}`;
  return `[API] ${product}: ${cause}${status}${event.retryInMs === undefined ? `, ${tries}` : `, will retry (${tries})`}`;
}

interface Line {
  readonly text: string;
  /** Shown with -v only. */
  readonly detail: boolean;
}

type Lines = { readonly [Type in IngestEvent['type']]?: (event: Extract<IngestEvent, { type: Type }>) => Line };

const told = (text: string): Line => ({ text, detail: false });
const detail = (text: string): Line => ({ text, detail: true });

/** What each event says; those without an entry are progress only. */
const lines: Lines = {
  'product-started': ({ product, pages, workers }) =>
    detail(`[PARALLEL] ${product}: Fetching ${pages} pages with ${workers} workers`),
  'request-succeeded': ({ product, trades, seconds }) =>
    detail(`[API] ${product}: SUCCESS - ${trades} trades in ${seconds.toFixed(2)}s`),
  'request-failed': (event) => ({ text: failureText(event), detail: event.error.kind === 'product' }),
  'window-given-up': ({ product, first, last, error }) =>
    told(`${product}: ids ${first}-${last} given up for this run: ${error.message}`),
  'object-landed': ({ product, trades, created, key }) =>
    detail(`${product}: ${trades} trades ${created ? 'landed in' : 'already in'} ${key}`),
  'unnumbered-landed': ({ product, rows, lower, upper }) =>
    told(`${product}: ${rows} rows without an id between ${lower} and ${upper} do not fit there; they are kept apart`),
  'archive-taken': ({ product, request, trades, leftOut, bytes, seconds }) =>
    detail(
      `[ARCHIVE] ${product}: ${trades} trades of ${request} (${bytes} bytes, ${seconds.toFixed(1)} s)${leftOut === 0 ? '' : `; ${leftOut} rows of it are unreadable or come twice and are asked for over the API`}`,
    ),
  'archive-trouble': ({ product, period, reason, isGivenUp }) => {
    const what = period === undefined ? 'the archive' : `the archive of ${period}`;
    const next = isGivenUp ? 'Its trades come over the API instead' : 'It is tried again';
    return told(`[ARCHIVE] ${product}: ${what} cannot be used: ${reason.replace(/\.$/, '')}. ${next}.`);
  },
  adopted: ({ product, trades, objects }) =>
    told(`${product}: adopted ${trades} trades of ${objects} raw objects that an earlier run left`),
  'checkpoint-rebuilt': ({ product, objects, trades, reason }) =>
    told(`${product}: checkpoint rebuilt from ${objects} raw objects (${trades} trades), because ${reason}`),
  condemned: ({ product, reason }) => told(`${product}: condemned ${reason}`),
  'foreign-object': ({ product, key }) => told(`${product}: ${key} is not a raw object of this lake; it is ignored`),
  'void-settled': ({ product, first, last }) =>
    detail(`${product}: ids ${first}-${last} never existed: asked twice, nothing between their neighbours`),
  'hole-unsettled': ({ product, first, last, reason }) =>
    detail(`${product}: ids ${first}-${last} are unsettled (${reason})`),
  'floor-found': ({ product, floor, confirmed }) =>
    detail(`${product}: first trade served is ${floor}${confirmed ? '' : ' (not confirmed yet)'}`),
  'waiting-for-exchange': ({ until, reason }) =>
    told(
      `The exchange is in trouble: ${reason}. Nothing is asked until ${new Date(until).toISOString().slice(11, 19)} UTC, then one request tests it; what is fetched is kept.`,
    ),
  'lease-lost': ({ product }) =>
    told(`${product}: its lease was lost to another run; what was not written is dropped, and the product is skipped`),
  'lease-taken': ({ product, holder }) => told(`${product}: skipped, another run (process ${holder}) works on it`),
};

/** One event as a line; undefined for what only moves the progress. */
export function lineOf(event: IngestEvent): Line | undefined {
  const say = lines[event.type] as ((event: IngestEvent) => Line) | undefined;
  return say?.(event);
}

/** The facts of an event as fields of a JSON line; what is no plain value is left to the text. */
function fieldsOf(event: IngestEvent): Record<string, string | number | boolean> {
  const fields: Record<string, string | number | boolean> = { event: event.type };
  for (const [name, value] of Object.entries(event))
    if (name !== 'type' && ['string', 'number', 'boolean'].includes(typeof value)) fields[name] = value;
  if (event.type === 'request-failed') {
    fields.kind = event.error.transient ?? event.error.kind;
    if (event.error.status !== undefined) fields.status = event.error.status;
  }
  return fields;
}

/** `write` prints above what is drawn in place; default: to stderr. */
export function createFetchLog(
  { io, quiet, verbose }: Pick<Invocation, 'io' | 'quiet' | 'verbose'>,
  write: (text: string) => void = io.err,
): FetchLog {
  let lastWait = '';
  const line = (text: string): void => {
    if (!quiet) write(`${text}\n`);
  };
  return {
    line: (text) => {
      if (verbose || io.log !== undefined || !text.startsWith('[RATE_LIMITER] Initialized')) line(text);
    },
    onEvent: (event) => {
      const found = lineOf(event);
      // Every request that waits says so; people want to hear it once.
      if (event.type === 'waiting-for-exchange') {
        if (found?.text === lastWait) return;
        lastWait = found?.text ?? '';
      }
      if (found === undefined || quiet || (found.detail && !verbose)) return;
      if (io.log === undefined) line(found.text);
      else {
        const level = event.type === 'request-failed' ? 'warn' : found.detail ? 'debug' : 'info';
        io.log({ level, message: found.text, fields: fieldsOf(event) });
      }
    },
  };
}
