import type { Connection } from './session.js';

/**
 * Does one piece of DuckDB work that an abort must stop. DuckDB forgets an interrupt when a query begins, so one that comes
 * between two steps, or before the thread has begun, would be lost and the query would run on: it is repeated once a turn
 * of the event loop until the work has ended. Must not span BEGIN, COMMIT or ROLLBACK, which have to succeed.
 */
export async function interruptible<T>(
  connection: Connection,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  let isRunning = true;
  const interrupt = (): void => {
    if (!isRunning) return;
    connection.interrupt();
    setImmediate(interrupt);
  };
  signal.addEventListener('abort', interrupt, { once: true });
  try {
    return await work();
  } catch (cause) {
    signal.throwIfAborted();
    throw cause;
  } finally {
    isRunning = false;
    signal.removeEventListener('abort', interrupt);
  }
}
