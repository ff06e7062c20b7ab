import { damaged } from './errors.js';
import { printJson } from './json.js';

// Members of stored JSON, checked. Each throws `IcebergError` `damaged-file` that names the member.

export type Json = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const isWhole = (value: unknown): value is number | bigint =>
  typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value));

export function member<T>(value: Json, name: string, isRight: (member: unknown) => boolean, expected: string): T {
  const found = value[name];
  if (!isRight(found)) throw damaged(`its ${name}: expected ${expected}, got ${printJson(found ?? null).slice(0, 60)}`);
  return found as T;
}

export const text = (value: Json, name: string): string => member(value, name, (x) => typeof x === 'string', 'a text');
export const whole = (value: Json, name: string): number =>
  Number(member(value, name, (x) => Number.isSafeInteger(Number(x)) && isWhole(x), 'a whole number'));
export const long = (value: Json, name: string): bigint =>
  BigInt(member<number | bigint>(value, name, isWhole, 'an integer'));
export const list = (value: Json, name: string): readonly Json[] =>
  member(value, name, (x) => Array.isArray(x) && x.every(isObject), 'a list of objects');
/** Absent, or what other writers store for "none". */
export const optionalList = (value: Json, name: string): readonly Json[] =>
  value[name] === undefined || value[name] === null ? [] : list(value, name);
