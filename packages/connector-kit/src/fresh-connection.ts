import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { Readable } from 'node:stream';
import type { FetchLike } from './fetch-like.js';

/**
 * One GET over a connection opened for it and closed after it. Global fetch cannot do that: with `connection: close` it
 * still takes an idle connection of its pool and only closes it afterwards (measured on Node 20), so a lagging replica
 * at its other end would answer twice. `agent: false` gives every request an agent, and so a connection, of its own.
 */
export const fetchOnFreshConnection: FetchLike = (url, init) =>
  new Promise((resolve, reject) => {
    const send = new URL(url).protocol === 'http:' ? requestHttp : requestHttps;
    // No compression: node:http hands bodies over as they came.
    const headers = { ...init.headers, 'accept-encoding': 'identity', connection: 'close' };
    const request = send(url, { method: 'GET', headers, agent: false, signal: init.signal }, (incoming) => {
      const names = Object.entries(incoming.headers).flatMap(([name, value]): [string, string][] =>
        value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
      );
      const status = incoming.statusCode ?? 0;
      const empty = status === 204 || status === 205 || status === 304;
      if (empty) incoming.resume();
      const body = empty ? null : (Readable.toWeb(incoming) as ReadableStream<Uint8Array>);
      resolve(new Response(body, { status, headers: names }));
    });
    request.on('error', reject);
    request.end();
  });
