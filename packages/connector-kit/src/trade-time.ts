import { ConnectorError } from './errors.js';

/** The first instant that a DOUBLE holds in whole microseconds and that trades can have: 1970. */
const PATTERN = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:?\d{2}|[+-]\d{2})?$/;

export interface TradeTime {
  /** Whole microseconds since 1970 UTC; exact below the year 2255. */
  readonly micros: number;
  /** What the text can tell apart, in µs: 1,000,000 without a fraction, 1000 for three digits, 1 for six or more. */
  readonly resolution: number;
}

/**
 * An exchange's time text (RFC 3339, 0 to 9 fraction digits, `Z` or an offset; none means UTC), cut to microseconds.
 * Throws `ConnectorError` `invalid-time` for anything else, and for times before 1970 [0001-01-01 stands for "none"].
 */
export function parseTradeTime(text: string): TradeTime {
  const match = PATTERN.exec(text);
  const [, date, time, fraction = '', zone = 'Z'] = match ?? [];
  const offset =
    zone === 'Z'
      ? 'Z'
      : zone.length === 3
        ? `${zone}:00`
        : zone.length === 5
          ? `${zone.slice(0, 3)}:${zone.slice(3)}`
          : zone;
  const ms = match === null ? Number.NaN : Date.parse(`${date}T${time}${offset}`);
  const micros = ms * 1000 + Number(fraction.padEnd(6, '0').slice(0, 6));
  if (!Number.isSafeInteger(micros) || micros < 0) {
    throw new ConnectorError(
      'invalid-time',
      `trade time: expected RFC 3339 text from 1970 on, such as 2026-09-27T15:57:28.610277Z, got ${JSON.stringify(text.slice(0, 60))}`,
    );
  }
  return { micros, resolution: 10 ** Math.max(0, 6 - fraction.length) };
}
