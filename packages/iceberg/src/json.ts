import { parse, stringify } from 'lossless-json';

/**
 * JSON whose integers beyond 2^53 arrive and leave as bigint, digit for digit: snapshot ids of other writers have 63
 * random bits, which a JSON number would round.
 */
export function parseJson(text: string): unknown {
  return parse(text, undefined, (digits) => {
    if (!/^-?\d+$/.test(digits)) return Number(digits);
    const value = Number(digits);
    return Number.isSafeInteger(value) ? value : BigInt(digits);
  });
}

export function printJson(value: unknown): string {
  return stringify(value) ?? 'null';
}
