import { CertificateError } from './errors.js';

/**
 * The form of a JSON value, said once: `check` refuses what does not have it, `schema` is the same as JSON Schema.
 * `example` is never set; it ties a shape to its TypeScript type.
 */
export interface Shape<T> {
  readonly schema: Readonly<Record<string, unknown>>;
  readonly check: (value: unknown, member: string) => void;
  readonly example?: T;
}

function refuse(member: string, expected: string, got: unknown): never {
  const shown = JSON.stringify(got)?.slice(0, 60) ?? 'nothing';
  throw new CertificateError(member, `certificate: ${member}: expected ${expected}, got ${shown}`);
}

/** Text; with `pattern` only what matches it, described by `expected`. */
export function text(pattern?: string, expected = 'text'): Shape<string> {
  const regex = pattern === undefined ? undefined : new RegExp(pattern, 'u');
  return {
    schema: pattern === undefined ? { type: 'string' } : { type: 'string', pattern },
    check: (value, member) => {
      if (typeof value !== 'string' || regex?.test(value) === false) refuse(member, expected, value);
    },
  };
}

/** A whole number `minimum` … 2^53−1. */
export function integer(minimum = 0): Shape<number> {
  return {
    schema: { type: 'integer', minimum, maximum: Number.MAX_SAFE_INTEGER },
    check: (value, member) => {
      if (!Number.isSafeInteger(value) || (value as number) < minimum) {
        refuse(member, `a whole number of at least ${minimum}`, value);
      }
    },
  };
}

export function yesOrNo(): Shape<boolean> {
  return {
    schema: { type: 'boolean' },
    check: (value, member) => {
      if (typeof value !== 'boolean') refuse(member, 'true or false', value);
    },
  };
}

export function oneOf<T extends string | number>(...values: readonly T[]): Shape<T> {
  return {
    schema: { enum: values },
    check: (value, member) => {
      if (!values.includes(value as T)) refuse(member, values.map((one) => JSON.stringify(one)).join(' or '), value);
    },
  };
}

export function nullable<T>(shape: Shape<T>): Shape<T | null> {
  return {
    schema: { anyOf: [{ type: 'null' }, shape.schema] },
    check: (value, member) => {
      if (value !== null) shape.check(value, member);
    },
  };
}

export function list<T>(shape: Shape<T>): Shape<readonly T[]> {
  return {
    schema: { type: 'array', items: shape.schema },
    check: (value, member) => {
      if (!Array.isArray(value)) refuse(member, 'a list', value);
      for (const [at, item] of value.entries()) shape.check(item, `${member}[${at}]`);
    },
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An object whose members are named by data. */
export function record<T>(shape: Shape<T>): Shape<Readonly<Record<string, T>>> {
  return {
    schema: { type: 'object', additionalProperties: shape.schema },
    check: (value, member) => {
      if (!isObject(value)) refuse(member, 'an object', value);
      for (const [name, item] of Object.entries(value)) shape.check(item, `${member}.${name}`);
    },
  };
}

/** An object with exactly these members. */
export function object<T>(members: { readonly [K in keyof T]-?: Shape<T[K]> }): Shape<T> {
  const shapes = members as Readonly<Record<string, Shape<unknown>>>;
  const names = Object.keys(shapes);
  return {
    schema: {
      type: 'object',
      properties: Object.fromEntries(names.map((name) => [name, shapes[name]!.schema])),
      required: names,
      additionalProperties: false,
    },
    check: (value, member) => {
      if (!isObject(value)) refuse(member, 'an object', value);
      const at = (name: string): string => (member === '' ? name : `${member}.${name}`);
      for (const name of Object.keys(value)) {
        if (!Object.hasOwn(shapes, name)) refuse(at(name), `one of ${names.join(', ')}`, name);
      }
      for (const name of names) shapes[name]!.check(value[name], at(name));
    },
  };
}
