/** Largest µs a timestamp column holds exactly: 2^53 − 1, in June 2255. */
const LARGEST_MICROS = BigInt(Number.MAX_SAFE_INTEGER);

const ISO_8601 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d{2})(?::?(\d{2}))?)$/;
const DECIMAL = /^(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** A time text as µs since 1970, or why it is none. Digits below the µs are cut off. */
export function microsFromIso8601(text: string): number | string {
  const match = ISO_8601.exec(text);
  if (match === null) return 'is not an ISO 8601 time with a zone, such as 2026-09-27T15:57:28.610277Z';
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  // Checked here because Date.UTC reads years below 100 as 19xx.
  if (year < 1969) return 'is before 1970';
  const midnight = Date.UTC(year, month - 1, day);
  const isDate = month >= 1 && month <= 12 && day >= 1 && Date.UTC(year, month - 1, day) < Date.UTC(year, month, 1);
  const offsetHour = Number(match[9] ?? '0');
  const offsetMinute = Number(match[10] ?? '0');
  if (!isDate || hour > 23 || minute > 59 || second > 59 || offsetHour > 23 || offsetMinute > 59)
    return 'is not a date and time';
  const offset = (offsetHour * 60 + offsetMinute) * (match[8] === '-' ? -1 : 1);
  const seconds = midnight / 1000 + hour * 3600 + (minute - offset) * 60 + second;
  const fraction = (match[7] ?? '').padEnd(6, '0').slice(0, 6);
  return bounded(BigInt(seconds) * 1_000_000n + BigInt(fraction));
}

/** Decimal places that separate each unit from the µs. */
const PLACES = { from_s: 6, from_ms: 3, from_us: 0, from_ns: -3 } as const;

/** From these counts on a number means ms, µs, ns: years 1973 to 5138 of the one are before 1973 of the other. */
export const EPOCH_MS: number = 1e11;
export const EPOCH_US: number = 1e14;
const EPOCH_NS = 1e17;

/** The unit that a count's size says: a venue that went from ms to µs sends both (Binance). */
function unitOf(text: string): keyof typeof PLACES {
  const count = Number(text);
  if (count >= EPOCH_NS) return 'from_ns';
  if (count >= EPOCH_US) return 'from_us';
  return count >= EPOCH_MS ? 'from_ms' : 'from_s';
}

/**
 * A count since 1970 as µs, or why it is none. Seconds and milliseconds with a fraction are printed binary floats, so the
 * nearest µs is meant (half up); µs and ns are exact digits, so what is below a µs is cut off.
 */
export function microsFromEpoch(text: string, given: keyof typeof PLACES | 'from_epoch'): number | string {
  const unit = given === 'from_epoch' ? unitOf(text) : given;
  const match = DECIMAL.exec(text);
  if (match === null) return 'is not a count of time since 1970, such as 1790524648610';
  const fraction = match[2] ?? '';
  const digits = (match[1] + fraction).replace(/^0+(?=\d)/, '');
  const exponent = Number(match[3] ?? '0') - fraction.length + PLACES[unit];
  if (digits === '0') return 0;
  if (digits.length + exponent > 17) return 'is after June 2255, beyond what a timestamp holds';
  if (exponent >= 0) return bounded(BigInt(digits) * 10n ** BigInt(exponent));
  const kept = digits.length + exponent;
  const whole = kept > 0 ? BigInt(digits.slice(0, kept)) : 0n;
  const rounds = (unit === 'from_s' || unit === 'from_ms') && kept >= 0 && digits.charCodeAt(kept) >= 53;
  return bounded(rounds ? whole + 1n : whole);
}

function bounded(micros: bigint): number | string {
  if (micros < 0n) return 'is before 1970';
  if (micros > LARGEST_MICROS) return 'is after June 2255, beyond what a timestamp holds';
  return Number(micros);
}
