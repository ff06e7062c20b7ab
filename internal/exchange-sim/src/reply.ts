import type { Fault } from './fault.js';

/** A request as a route sees it, whether it came by function call or by socket. */
export interface SimRequest {
  readonly method: string;
  readonly url: URL;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Who asks: the address that a rate limit counts by. */
  readonly remote: string;
}

/** What a route answers. */
export interface SimReply {
  readonly status: number;
  /** Lower-case names; content-length and date are added on sending. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Trades in the body. */
  readonly rows: number;
  /** Whether the route itself carried out the fault it was given. */
  readonly faulted?: boolean | undefined;
}

/** A reply and how it reaches the client. */
export interface Delivery extends SimReply {
  /** Wait before the headers, ms. */
  readonly delayMs: number;
  /** Wait in the middle of the body, ms. */
  readonly stallMs: number;
  /** Bytes of the body that are sent. */
  readonly sentBytes: number;
  /** `complete`, `reset` after the bytes sent, or `no-reply`: reset before the headers. */
  readonly ending: 'complete' | 'reset' | 'no-reply';
}

const encoder = new TextEncoder();

/** A JSON reply with the content type that Coinbase sends. */
export function jsonReply(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): SimReply {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: encoder.encode(JSON.stringify(value)),
    rows: 0,
  };
}

const reasons: Readonly<Record<number, string>> = {
  403: 'Forbidden',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Temporarily Unavailable',
  504: 'Gateway Time-out',
  520: 'Web server is returning an unknown error',
};

/** An error page as a CDN in front of an exchange shows it. */
function htmlErrorReply(status: number): SimReply {
  const title = `${status} ${reasons[status] ?? 'Error'}`;
  const page = `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n`;
  return { status, headers: { 'content-type': 'text/html' }, body: encoder.encode(page), rows: 0 };
}

/** The reply of a `status` fault. */
export function statusReply(fault: Extract<Fault, { kind: 'status' }>): SimReply {
  if (fault.body === 'html') return htmlErrorReply(fault.status);
  if (fault.body === 'maintenance') {
    const message =
      'Coinbase Exchange is currently under maintenance. For updates please see https://status.exchange.coinbase.com/';
    return jsonReply(fault.status, { message });
  }
  return jsonReply(fault.status, { message: reasons[fault.status] ?? 'Error' });
}

/** Applies what a fault does to the connection; faults of other kinds change nothing. */
export function deliver(reply: SimReply, fault: Fault | undefined): Delivery {
  const length = reply.body.length;
  const whole: Delivery = { ...reply, delayMs: 0, stallMs: 0, sentBytes: length, ending: 'complete' };
  const half = Math.floor(length / 2);
  switch (fault?.kind) {
    case 'no-reply':
      return { ...whole, faulted: true, sentBytes: 0, ending: 'no-reply' };
    case 'reset':
      return { ...whole, faulted: true, sentBytes: Math.min(fault.afterBytes ?? half, length), ending: 'reset' };
    case 'truncated':
      return { ...whole, faulted: true, body: reply.body.subarray(0, half), sentBytes: half };
    case 'content-length': {
      const declared = Math.max(0, length + (fault.by ?? 64));
      const headers = { ...reply.headers, 'content-length': String(declared) };
      return { ...whole, faulted: true, headers, ending: declared > length ? 'reset' : 'complete' };
    }
    case 'slow': {
      const delayMs = fault.delayMs ?? 60_000;
      return fault.at === 'body' ? { ...whole, faulted: true, stallMs: delayMs } : { ...whole, faulted: true, delayMs };
    }
    default:
      return whole;
  }
}
