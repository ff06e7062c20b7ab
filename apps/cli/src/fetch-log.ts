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
  const status = error.transient === 'server' ? ` status=${error.status ?? 'unknown'}` : ` ${error.message}`;
  return `[API] ${product}: ${cause}${status}${event.retryInMs === undefined ? `, ${tries}` : `, will retry (${tries})`}`;
}

/** One event as a line; `detail` lines are shown with -v only. */
export function lineOf(event: IngestEvent): { readonly text: string; readonly detail: boolean } | undefined {
  switch (event.type) {
    case 'product-started':
      return {
        text: `[PARALLEL] ${event.product}: Fetching ${event.pages} pages with ${event.workers} workers`,
        detail: true,
      };
    case 'request-succeeded':
      return {
        text: `[API] ${event.product}: SUCCESS - ${event.trades} trades in ${event.seconds.toFixed(2)}s`,
        detail: true,
      };
    case 'request-failed':
      return { text: failureText(event), detail: event.error.kind === 'product' };
    case 'window-given-up':
      return {
        text: `${event.product}: ids ${event.first}-${event.last} given up for this run: ${event.error.message}`,
        detail: false,
      };
    case 'object-landed':
      return {
        text: `${event.product}: ${event.trades} trades ${event.created ? 'landed in' : 'already in'} ${event.key}`,
        detail: true,
      };
    case 'adopted':
      return {
        text: `${event.product}: adopted ${event.trades} trades of ${event.objects} raw objects that an earlier run left`,
        detail: false,
      };
    case 'checkpoint-rebuilt':
      return {
        text: `${event.product}: checkpoint rebuilt from ${event.objects} raw objects (${event.trades} trades), because ${event.reason}`,
        detail: false,
      };
    case 'condemned':
      return { text: `${event.product}: condemned ${event.reason}`, detail: false };
    case 'foreign-object':
      return { text: `${event.product}: ${event.key} is not a raw object of this lake; it is ignored`, detail: false };
    case 'void-settled':
      return {
        text: `${event.product}: ids ${event.first}-${event.last} never existed: asked twice, nothing between their neighbours`,
        detail: true,
      };
    case 'hole-unsettled':
      return {
        text: `${event.product}: ids ${event.first}-${event.last} are unsettled (${event.reason})`,
        detail: true,
      };
    case 'floor-found':
      return {
        text: `${event.product}: first trade served is ${event.floor}${event.confirmed ? '' : ' (not confirmed yet)'}`,
        detail: true,
      };
    case 'waiting-for-exchange':
      return {
        text: `waiting for the exchange until ${new Date(event.until).toISOString()}: ${event.reason}`,
        detail: false,
      };
    case 'lease-taken':
      return { text: `${event.product}: skipped, another run (process ${event.holder}) works on it`, detail: false };
    default:
      return undefined;
  }
}

export function createFetchLog({ io, quiet, verbose }: Pick<Invocation, 'io' | 'quiet' | 'verbose'>): FetchLog {
  const line = (text: string): void => {
    if (!quiet) io.err(`${io.isErrTerminal ? '\r\u001b[J' : ''}${text}\n`);
  };
  return {
    line: (text) => {
      if (verbose || !text.startsWith('[RATE_LIMITER] Initialized')) line(text);
    },
    onEvent: (event) => {
      const found = lineOf(event);
      if (found !== undefined && (verbose || !found.detail)) line(found.text);
    },
  };
}
