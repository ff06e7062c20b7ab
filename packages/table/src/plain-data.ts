import { RangeSet } from '@schemahub/coverage';
import { LakeError } from '@schemahub/lake';
import { StoreError } from '@schemahub/object-store';
import { TableError } from './errors.js';

// What threads say to each other. A structured clone keeps arrays, objects, sets and bytes; sets of ids and errors lose
// their class on the way and travel as what they are made of.

interface PlainIds {
  readonly idRanges: string;
}

/** The value with every set of ids as its text. */
export function toPlain(value: unknown): unknown {
  if (value instanceof RangeSet) return { idRanges: value.toString() } satisfies PlainIds;
  return mapMembers(value, toPlain);
}

/** What `toPlain` was given. */
export function fromPlain(value: unknown): unknown {
  const text = (value as Partial<PlainIds> | undefined)?.idRanges;
  return typeof text === 'string' ? RangeSet.parse(text) : mapMembers(value, fromPlain);
}

function mapMembers(value: unknown, map: (member: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map(map);
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, map(member)]));
}

interface PlainError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** Its own members: code, samples, key. */
  readonly members: Record<string, unknown>;
  readonly cause: PlainError | undefined;
}

/** Classes that callers tell errors by; any other arrives as an `Error` with its name and members. */
const CLASSES: Readonly<Record<string, new (...args: never[]) => Error>> = { TableError, LakeError, StoreError };

export function errorToPlain(error: unknown): PlainError {
  if (!(error instanceof Error)) return errorToPlain(new Error(String(error)));
  const { name, message, stack, cause } = error;
  const members = Object.fromEntries(
    Object.entries(error)
      .map(([member, value]) => [member, toPlain(value)] as const)
      .filter(([, value]) => isPlain(value)),
  );
  return { name, message, stack, members, cause: cause instanceof Error ? errorToPlain(cause) : undefined };
}

function isPlain(value: unknown): boolean {
  if (typeof value === 'function' || typeof value === 'symbol') return false;
  if (typeof value !== 'object' || value === null) return true;
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype
    ? Object.values(value).every(isPlain)
    : false;
}

export function errorFromPlain({ name, message, stack, members, cause }: PlainError): Error {
  const error = new Error(message, cause === undefined ? undefined : { cause: errorFromPlain(cause) });
  const known = CLASSES[name];
  if (known !== undefined) Object.setPrototypeOf(error, known.prototype);
  Object.assign(error, fromPlain(members));
  if (error.name !== name) Object.defineProperty(error, 'name', { value: name });
  if (stack !== undefined) error.stack = stack;
  return error;
}
