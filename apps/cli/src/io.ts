import { styleText } from 'node:util';
import type { FetchLike } from '@schemahub/connector-kit';
import type { Clock } from '@schemahub/core';
import type { LogRecord } from '@schemahub/observability';
import { processEnvironment } from '@schemahub/runtime/environment';
import { wrapWords } from './text-table.js';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** The outside of a command: what it reads and prints. Tests give their own. */
export interface Io {
  /** Results. */
  readonly out: (text: string) => void;
  /** Progress, log lines and errors. */
  readonly err: (text: string) => void;
  /** A line of the log with its facts as fields; undefined where the log is text. */
  readonly log?: ((record: LogRecord) => void) | undefined;
  /** stdout is a terminal. */
  readonly isTerminal: boolean;
  /** stderr is a terminal: progress may be drawn in place. */
  readonly isErrTerminal: boolean;
  readonly columns: number;
  readonly style: (style: Style, text: string) => string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly folder: string;
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  /** The process lives for this command alone, so its V8 may be told what to expect. Default: no, as in tests. */
  readonly ownsProcess?: boolean | undefined;
  /** Default: this computer's. */
  readonly clock?: Clock | undefined;
  /** Default: global fetch. */
  readonly fetch?: FetchLike | undefined;
}

/** The process's own streams. `NO_COLOR` and anything that is not a terminal switch colours off. */
export function processIo(): Io {
  const environment = processEnvironment();
  const isTerminal = process.stdout.isTTY === true;
  const isErrTerminal = process.stderr.isTTY === true;
  const columnsNow = (): number => process.stdout.columns ?? process.stderr.columns ?? 100;
  const colors = isErrTerminal && (environment.NO_COLOR ?? '') === '' && environment.TERM !== 'dumb';
  return {
    out: (text) => void process.stdout.write(text),
    // Sentences are as long as they need to be: a terminal would break them in mid-word.
    err: (text) => void process.stderr.write(isErrTerminal ? wrapWords(text, columnsNow()) : text),
    isTerminal,
    isErrTerminal,
    get columns() {
      return columnsNow();
    },
    style: (style, text) => (colors ? styleText(style, text) : text),
    environment,
    folder: process.cwd(),
    input: process.stdin,
    output: process.stdout,
    ownsProcess: true,
  };
}
