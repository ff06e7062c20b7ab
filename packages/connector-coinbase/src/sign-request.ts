import { createHmac } from 'node:crypto';
import { ConnectorError } from '@schemahub/connector-kit';

/** An API key of Coinbase Exchange. Public trades need none, and signing does not raise their limit. */
export interface CoinbaseAuth {
  readonly key: string;
  /** Base64, as the exchange shows it once. */
  readonly secret: string;
  readonly passphrase: string;
}

/** Says which part is wrong and never what it is: these are secrets. */
function refuse(part: string, expected: string): never {
  throw new ConnectorError(
    'invalid-option',
    `auth.${part}: expected ${expected}; the value is not shown. Correct COINBASE_API_KEY, _SECRET and _PASSPHRASE, or remove all three.`,
  );
}

function checkAuth(auth: CoinbaseAuth): void {
  for (const part of ['key', 'passphrase'] as const) {
    const value: unknown = auth[part];
    if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value)) refuse(part, 'visible ASCII text without spaces');
  }
  const secret: unknown = auth.secret;
  if (
    typeof secret !== 'string' ||
    !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(secret) ||
    secret === ''
  ) {
    refuse('secret', 'base64 text');
  }
}

/**
 * Signs GET requests (docs: exchange/rest-api/authentication): base64 of HMAC-SHA256, keyed with the decoded secret,
 * over timestamp + method + path with query. The timestamp is in seconds; the server takes 30 s of clock skew.
 */
export function createSigner(auth: CoinbaseAuth): (url: string, nowMs: number) => Readonly<Record<string, string>> {
  checkAuth(auth);
  const { key, passphrase } = auth;
  const secret = Buffer.from(auth.secret, 'base64');
  return (url, nowMs) => {
    const { pathname, search } = new URL(url);
    const timestamp = String(Math.floor(nowMs / 1000));
    const signature = createHmac('sha256', secret).update(`${timestamp}GET${pathname}${search}`).digest('base64');
    return {
      'cb-access-key': key,
      'cb-access-sign': signature,
      'cb-access-timestamp': timestamp,
      'cb-access-passphrase': passphrase,
    };
  };
}
