import type { ExchangeError, Head } from '@schemahub/core';

/** What a run tells while it works; the app turns it into progress, log lines and metrics. Times are ms since 1970. */
export type IngestEvent =
  /** One head of the scan before a backfill; `todo` is about what is left to fetch. */
  | {
      readonly type: 'head-scanned';
      readonly product: string;
      readonly todo: number;
      readonly held: number;
      readonly done: number;
      readonly total: number;
    }
  | {
      readonly type: 'product-started';
      readonly product: string;
      readonly head: Head | undefined;
      readonly todo: number;
      readonly pages: number;
      readonly workers: number;
    }
  /** One request has ended, whatever for. */
  | {
      readonly type: 'answered';
      /** From its sending to the last byte. */
      readonly seconds: number;
      /** Before that, at the limiter and before an open circuit. */
      readonly waitedSeconds: number;
      /** After that, until its rows were read. */
      readonly parseSeconds: number;
      /** Requests that were waiting when it was sent. */
      readonly queued: number;
      /** Of the body; 0 where it failed. */
      readonly bytes: number;
      readonly error: ExchangeError | undefined;
    }
  /** One window has come, in one request or several; `seconds` is what the exchange took for them. */
  | {
      readonly type: 'request-succeeded';
      readonly product: string;
      readonly trades: number;
      readonly seconds: number;
    }
  /** The rows that are kept of a window were cut, compressed and counted. */
  | {
      readonly type: 'window-packed';
      readonly product: string;
      readonly trades: number;
      readonly bytes: number;
      readonly seconds: number;
    }
  | {
      readonly type: 'request-failed';
      readonly product: string;
      readonly error: ExchangeError;
      readonly attempt: number;
      readonly attempts: number;
      readonly retryInMs: number | undefined;
    }
  | {
      readonly type: 'window-given-up';
      readonly product: string;
      readonly first: number;
      readonly last: number;
      readonly error: ExchangeError;
    }
  | {
      readonly type: 'object-landed';
      readonly product: string;
      readonly key: string;
      readonly trades: number;
      readonly bytes: number;
      readonly created: boolean;
      /** What the store took for the object and the checkpoint. */
      readonly seconds: number;
      /** How long the finished windows waited for their turn, behind `queued` other objects of the product. */
      readonly waitedSeconds: number;
      readonly queued: number;
    }
  /** Rows without an id were kept beside the table: their number does not fit between the trades around them. */
  | {
      readonly type: 'unnumbered-landed';
      readonly product: string;
      readonly key: string;
      readonly rows: number;
      readonly lower: number;
      readonly upper: number;
    }
  /** Rows of a file of the venue's archive, as they come. */
  | { readonly type: 'archive-page'; readonly product: string; readonly trades: number }
  /** Rows of a file of the venue's archive were taken. */
  | {
      readonly type: 'archive-taken';
      readonly product: string;
      readonly request: string;
      readonly trades: number;
      /** Rows of the file that were not: unreadable, or of ids that come more than once. */
      readonly leftOut: number;
      readonly bytes: number;
      readonly seconds: number;
    }
  /** A file, or without a period the whole archive, cannot be used; given up, its trades come over the API. */
  | {
      readonly type: 'archive-trouble';
      readonly product: string;
      readonly period: string | undefined;
      readonly reason: string;
      readonly isGivenUp: boolean;
    }
  | { readonly type: 'adopted'; readonly product: string; readonly objects: number; readonly trades: number }
  | {
      readonly type: 'checkpoint-rebuilt';
      readonly product: string;
      readonly reason: string;
      readonly objects: number;
      readonly trades: number;
    }
  | { readonly type: 'condemned'; readonly product: string; readonly key: string; readonly reason: string }
  | { readonly type: 'foreign-object'; readonly product: string; readonly key: string }
  | { readonly type: 'void-settled'; readonly product: string; readonly first: number; readonly last: number }
  | {
      readonly type: 'hole-unsettled';
      readonly product: string;
      readonly first: number;
      readonly last: number;
      readonly reason: 'young' | 'unclear';
    }
  | { readonly type: 'floor-found'; readonly product: string; readonly floor: number; readonly confirmed: boolean }
  | { readonly type: 'product-finished'; readonly product: string; readonly newTrades: number }
  | { readonly type: 'lease-taken'; readonly product: string; readonly holder: string }
  /** Its lease ran out while this process slept or could not reach the store: the product is given up for this run. */
  | { readonly type: 'lease-lost'; readonly product: string }
  | { readonly type: 'waiting-for-exchange'; readonly until: number; readonly reason: string };

/** Must not throw. */
export type OnEvent = (event: IngestEvent) => void;
