// The parts of the common form of a time, 2026-09-27T15:57:28.610277Z, read byte by byte.

const ZERO = 48;

/** 2026-09-27T15:57: */
export const MINUTE_BYTES = 17;
export const NO_TIME: number = -1;

/** Larger than any year: no sum with it passes a check. */
const NO_NUMBER = 10_000;

/** Two digits as a number, or NO_NUMBER. */
export function twoDigits(bytes: Uint8Array, at: number): number {
  const tens = (bytes[at]! - ZERO) >>> 0;
  const ones = (bytes[at + 1]! - ZERO) >>> 0;
  return tens <= 9 && ones <= 9 ? tens * 10 + ones : NO_NUMBER;
}

const DAYS_BEFORE_MONTH = Int32Array.of(0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334);
const DAYS_OF_MONTH = Int32Array.of(0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31);

/** Days since 1970 of a date from 1970 to 2254, or −1 where there is no such date. */
function daysSince1970(year: number, month: number, day: number): number {
  if (year < 1970 || year > 2254 || month < 1 || month > 12 || day < 1) return -1;
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  if (day > DAYS_OF_MONTH[month]! && !(isLeap && month === 2 && day === 29)) return -1;
  const before = year - 1;
  const leapDays = Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400) - 477;
  return (year - 1970) * 365 + leapDays + DAYS_BEFORE_MONTH[month]! + (isLeap && month > 2 ? 1 : 0) + day - 1;
}

/** The µs of a date, hour and minute up to the colon behind it, or NO_TIME. */
export function readMinute(bytes: Uint8Array, from: number): number {
  const days = daysSince1970(
    twoDigits(bytes, from) * 100 + twoDigits(bytes, from + 2),
    twoDigits(bytes, from + 5),
    twoDigits(bytes, from + 8),
  );
  const hour = twoDigits(bytes, from + 11);
  const minute = twoDigits(bytes, from + 14);
  if (days < 0 || hour > 23 || minute > 59) return NO_TIME;
  // 45 is '-', 84 'T', 58 ':'.
  if (bytes[from + 4] !== 45 || bytes[from + 7] !== 45 || bytes[from + 10] !== 84) return NO_TIME;
  if (bytes[from + 13] !== 58 || bytes[from + 16] !== 58) return NO_TIME;
  return (days * 86_400 + hour * 3600 + minute * 60) * 1_000_000;
}
