import { createHash } from 'node:crypto';
import { checkKey } from '@schemahub/object-store';

const MAX_SEGMENT = 200;

/** First 128 bits of a sha256, as 32 hex digits: the `h` of every content-named object. */
export function hash128(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex').slice(0, 32);
}

/**
 * Text as one key segment: everything but `A-Z a-z 0-9 - _ .` is percent-encoded (also `:` and `/`), a leading `.` too.
 * What this cannot say (text over 200 bytes, no text, halves of characters that UTF-8 does not have) is cut and ends in
 * `~` and its hash. No segment leaves its folder, and different texts never share one.
 */
export function encodeSegment(text: string): string {
  let encoded = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    const plain =
      (byte >= 0x30 && byte <= 0x39) ||
      (byte >= 0x41 && byte <= 0x5a) ||
      (byte >= 0x61 && byte <= 0x7a) ||
      byte === 0x2d ||
      byte === 0x5f ||
      (byte === 0x2e && encoded !== '');
    encoded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  const isWellFormed = !/\p{Surrogate}/u.test(text);
  if (isWellFormed && encoded !== '' && encoded.length <= MAX_SEGMENT) return encoded;
  const hash = hash128(isWellFormed ? text : Buffer.from(text, 'utf16le'));
  return `${encoded.slice(0, MAX_SEGMENT - 33).replace(/%.?$/, '')}~${hash}`;
}

/** The text of a segment; undefined when it was cut (then only the objects below know their product) or is none of ours. */
export function decodeSegment(segment: string): string | undefined {
  try {
    const text = decodeURIComponent(segment);
    return encodeSegment(text) === segment ? text : undefined;
  } catch {
    return undefined; // a percent sign without its digits: none of ours
  }
}

/** A number as 20 digits, so that keys sort as numbers. */
export function padNumber(value: number): string {
  return String(value).padStart(20, '0');
}

export interface LayoutOptions {
  /** Replaces `raw_{exchange}_trades`, as `--raw-prefix` does; from the store's root, without a slash at the end. */
  readonly rawPrefix?: string | undefined;
  /** Replaces `unified_trades`, as `--unified-prefix` does. */
  readonly unifiedPrefix?: string | undefined;
}

/** Where everything lies in a lake. The same below a folder and below a bucket's prefix. */
export interface Layout {
  readonly rawPrefix: (exchange: string) => string;
  readonly raw: (exchange: string, product: string) => string;
  readonly evidencePrefix: (exchange: string) => string;
  readonly evidence: (exchange: string, product: string) => string;
  readonly checkpoint: (exchange: string, product: string) => string;
  readonly unified: string;
  readonly commits: string;
  readonly commit: (number: number) => string;
  readonly commitPointer: string;
  readonly fileLists: (exchange: string, product: string) => string;
  /** Folder of the data files of one month. */
  readonly data: (options: { version: number; exchange: string; symbol: string; month: string }) => string;
  readonly certificate: (commit: number) => string;
  readonly certificates: string;
  readonly lock: (name: string) => string;
  readonly quarantine: (exchange: string, product: string) => string;
  /** A cached answer of `seek`. */
  readonly seek: (exchange: string, product: string, origin: string, micros: number) => string;
}

/** A prefix without slashes around it. Throws `StoreError` `invalid-key` when it would leave the store. */
function trimmed(prefix: string): string {
  return checkKey(prefix.replace(/^\/+|\/+$/g, ''));
}

/** The layout of a lake. Throws `StoreError` `invalid-key` when a prefix is no key (empty, `..`, blanks). */
export function createLayout(options: LayoutOptions = {}): Layout {
  const unified = `${trimmed(options.unifiedPrefix ?? 'unified_trades')}/`;
  const givenRaw = options.rawPrefix === undefined ? undefined : trimmed(options.rawPrefix);
  const rawPrefix = (exchange: string): string => `${givenRaw ?? `raw_${encodeSegment(exchange)}_trades`}/`;
  const evidencePrefix = (exchange: string): string => `coverage_${encodeSegment(exchange)}/`;
  const commits = `${unified}commits/`;
  return {
    rawPrefix,
    raw: (exchange, product) => `${rawPrefix(exchange)}${encodeSegment(product)}/`,
    evidencePrefix,
    evidence: (exchange, product) => `${evidencePrefix(exchange)}${encodeSegment(product)}/`,
    checkpoint: (exchange, product) => `checkpoints/${encodeSegment(exchange)}/${encodeSegment(product)}.json`,
    unified,
    commits,
    commit: (number) => `${commits}${padNumber(number)}.json`,
    commitPointer: `${unified}metadata/latest-commit.json`,
    fileLists: (exchange, product) => `${unified}files/${encodeSegment(exchange)}/${encodeSegment(product)}/`,
    data: ({ version, exchange, symbol, month }) =>
      `${unified}v${version}/exchange=${encodeSegment(exchange)}/symbol=${encodeSegment(symbol)}/month=${month}/`,
    certificates: 'certificates/',
    certificate: (commit) => `certificates/${padNumber(commit)}.json`,
    lock: (name) => `locks/${encodeSegment(name)}.json`,
    quarantine: (exchange, product) => `quarantine/${encodeSegment(exchange)}/${encodeSegment(product)}/`,
    seek: (exchange, product, origin, micros) =>
      `seek/${encodeSegment(exchange)}/${encodeSegment(product)}/${hash128(origin)}_${micros}.json`,
  };
}
