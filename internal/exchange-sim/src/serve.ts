import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createSystemClock } from './clock.js';
import type { Delivery, SimRequest } from './reply.js';
import type { VenueSim } from './venue.js';

export interface ServeOptions {
  /** Default 0: any free port. */
  readonly port?: number | undefined;
  /** Default 127.0.0.1. */
  readonly host?: string | undefined;
}

/** A running stand-in. */
export interface SimServer {
  /** Base URL without a slash at its end. */
  readonly url: string;
  readonly port: number;
  /** Stops listening and cuts every connection. */
  readonly close: () => Promise<void>;
}

/** Time for a client to read what was sent before the reset: a reset discards what the client's kernel still holds. */
const beforeResetMs = 20;
/** Longer than clients keep idle connections, so that they and not we give them up. */
const keepAliveMs = 65_000;

function readRequest(message: IncomingMessage): SimRequest | undefined {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(message.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  try {
    const url = new URL(message.url ?? '/', `http://${headers.host ?? 'localhost'}`);
    const remote = headers['x-forwarded-for'] ?? message.socket.remoteAddress ?? 'unknown';
    return { method: message.method ?? 'GET', url, headers, remote };
  } catch {
    return undefined;
  }
}

function write(response: ServerResponse, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    response.write(bytes, (error) => (error == null ? resolve() : reject(error)));
  });
}

async function send(sim: VenueSim, response: ServerResponse, delivery: Delivery, signal: AbortSignal): Promise<void> {
  const { socket } = response;
  if (delivery.ending === 'no-reply') {
    socket?.resetAndDestroy();
    return;
  }
  response.writeHead(delivery.status, delivery.headers);
  let rest = delivery.body.subarray(0, delivery.sentBytes);
  if (delivery.stallMs > 0) {
    const half = Math.floor(rest.length / 2);
    if (half > 0) await write(response, rest.subarray(0, half));
    else response.flushHeaders();
    rest = rest.subarray(half);
    await sim.clock.sleep(delivery.stallMs, signal);
  }
  if (delivery.ending === 'complete') {
    response.end(rest);
    return;
  }
  if (rest.length > 0) await write(response, rest);
  else response.flushHeaders();
  await createSystemClock().sleep(beforeResetMs, signal);
  socket?.resetAndDestroy();
}

function createListener(sim: VenueSim): (message: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (message, response) => {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const request = readRequest(message);
    if (request === undefined) {
      response.writeHead(400).end();
      return;
    }
    try {
      await send(sim, response, await sim.handle(request, gone.signal), gone.signal);
    } catch (error) {
      // The client went away while we waited: nobody is left to answer. Anything else is a bug; its cut connection is seen.
      response.destroy(gone.signal.aborted ? undefined : (error as Error));
    }
  };
}

function listen(server: Server, port: number, host: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve(server.address() as AddressInfo));
  });
}

/**
 * Serves a stand-in over real sockets with keep-alive; a reset is a TCP reset. A simulator made without a clock goes by
 * the machine's from here on. Rejects when the port is taken.
 */
export async function serve(sim: VenueSim, options: ServeOptions = {}): Promise<SimServer> {
  const host = options.host ?? '127.0.0.1';
  const listener = createListener(sim);
  const server = createServer(
    { keepAliveTimeout: keepAliveMs },
    (message, response) => void listener(message, response),
  );
  const { port } = await listen(server, options.port ?? 0, host);
  sim.adoptClock?.(createSystemClock());
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error === undefined ? resolve() : reject(error)));
        server.closeAllConnections();
      }),
  };
}
