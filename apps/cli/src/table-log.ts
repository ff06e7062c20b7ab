import type { TableEvent } from '@schemahub/table';
import type { Invocation } from './command.js';
import { bytesText, grouped } from './text-table.js';

const EVERY_MS = 1000;

/** Progress of commands that change the table: a line for a block, at most one a second unless -v. */
export function createTableLog({
  io,
  quiet,
  verbose,
}: Pick<Invocation, 'io' | 'quiet' | 'verbose'>): (event: TableEvent) => void {
  let saidAt = -EVERY_MS;
  let rows = 0;
  return (event) => {
    if (quiet) return;
    if (event.type === 'block') {
      rows += event.rows;
      const now = performance.now();
      if (verbose || now - saidAt >= EVERY_MS) {
        saidAt = now;
        io.err(
          `${event.productId}: block ${event.block}, ${grouped(event.rows)} rows from ${event.objects} raw ${event.objects === 1 ? 'object' : 'objects'} (${grouped(rows)} so far)\n`,
        );
      }
    } else if (event.type === 'file' && verbose)
      io.err(`wrote ${event.path} (${grouped(event.rows)} rows, ${bytesText(event.bytes)})\n`);
    else if (event.type === 'planned-again')
      io.err(`another run committed first; planning again (${event.attempt}): ${event.reason}\n`);
    else if (event.type === 'unreadable') io.err(`${io.style('red', 'unreadable')} ${event.key}: ${event.reason}\n`);
  };
}
