// A made-up venue as a tiny HTTP server: one pair, ids 1 to 5,000, of which some were never issued.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const NEWEST = 5000;
const NEVER_ISSUED = (id: number): boolean => id === 17 || (id >= 2400 && id < 2700);

const CLOSED = Date.parse('2025-06-02T06:00:00Z');

/** Rows in which every value follows from the id: a trade every ten seconds until the market closed. */
function rowOf(id: number): string {
  const at = new Date(CLOSED - (NEWEST - id) * 10_000).toISOString();
  return `{"n":${id},"at":"${at}","taker":"${id % 3 === 0 ? 'sell' : 'buy'}","px":"${(3 + (id % 50) / 100).toFixed(2)}","qty":"${1 + (id % 7)}"}`;
}

export interface LemonVenue {
  readonly origin: string;
  readonly trades: number;
  readonly stop: () => void;
}

/** `now`: the venue's clock, ms since 1970; its answers carry it as `Date`. `port`: 0 takes any. */
export async function startLemonVenue(now: () => number, port = 0): Promise<LemonVenue> {
  const ids = Array.from({ length: NEWEST }, (_, at) => at + 1).filter((id) => !NEVER_ISSUED(id));
  const rows = new Map(ids.map((id) => [id, rowOf(id)]));
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://lemon.invalid');
    response.setHeader('content-type', 'application/json');
    response.setHeader('date', new Date(now()).toUTCString());
    if (url.pathname === '/pairs') {
      return response.end('[{"id":"LEMON-EUR","symbol":"LEMON-EUR","base":"LEMON","quote":"EUR","status":"online"}]');
    }
    if (url.pathname !== '/fills/LEMON-EUR') return response.writeHead(404).end('{"error":"no such pair"}');
    const [upTo, max] = [Number(url.searchParams.get('upto') ?? NEWEST), Number(url.searchParams.get('max'))];
    const found = ids.filter((id) => id <= upTo).slice(-max);
    return response.end(
      `[${found
        .reverse()
        .map((id) => rows.get(id))
        .join(',')}]`,
    );
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const { port: listening } = server.address() as AddressInfo;
  return { origin: `http://127.0.0.1:${listening}`, trades: ids.length, stop: () => server.close() };
}
