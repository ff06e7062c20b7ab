import { jsonLine, recordsOf } from '@schemahub/observability';
import type { Io } from './io.js';

/** The same outside with stderr as JSON lines, for machines that read logs. Metrics in a line of their own pass as they are. */
export function createJsonIo(io: Io): Io {
  const now = (): number => io.clock?.now() ?? Date.now();
  return {
    ...io,
    isErrTerminal: false,
    style: (_style, text) => text,
    err: (text) => {
      if (text.startsWith('{"_aws":')) return io.err(text);
      for (const record of recordsOf(text)) io.err(jsonLine(record, now()));
    },
    log: (record) => io.err(jsonLine(record, now())),
  };
}
