/** Uniform numbers in [0, 1). */
export type Random = () => number;

/** Numbers from a seed (mulberry32). */
export function createRandom(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** What breaks parsers: bounds, other types, escapes, paths, keys of prototypes, numbers that are none. */
const nasty: readonly string[] = [
  '',
  '0',
  '-0',
  '-1',
  '1e999',
  '9007199254740992',
  '9007199254740993',
  '18446744073709551616',
  '1.5',
  'NaN',
  'null',
  'true',
  '[]',
  '{}',
  '""',
  '"\\u0000"',
  '"\\ud800"',
  '"../../../../etc/passwd"',
  '"__proto__"',
  '"constructor"',
  '1-9007199254740991',
  '5-3',
  '1-2,2-3',
  '0-',
  '"1970-01-01T00:00:00.000Z"',
  '"99999-01-01"',
  '\u0000',
  '\ufeff',
  '\u2028',
  '\ud83d\ude80',
  '\n',
  '\r\n',
  '[[[[[[[[[[[[[[[[',
  '{"a":{"a":{"a":{"a":',
  '&a [*a, *a]',
  '!!js/function ""',
  '<<: *a',
];

function spliced(bytes: Uint8Array, at: number, remove: number, insert: Uint8Array): Uint8Array {
  return Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(Math.min(bytes.length, at + remove))]);
}

/** Where a token of JSON or YAML begins and ends around a place. */
function tokenAt(bytes: Uint8Array, at: number): { from: number; to: number } {
  const isEdge = (byte: number | undefined): boolean =>
    byte === undefined || ',:[]{}"\n '.includes(String.fromCharCode(byte));
  let from = at;
  let to = at;
  while (from > 0 && !isEdge(bytes[from - 1])) from--;
  while (to < bytes.length && !isEdge(bytes[to])) to++;
  return { from, to };
}

/** One change: of bits and bytes, of tokens, of lengths, or a piece of another sample. */
function change(random: Random, bytes: Uint8Array, other: Uint8Array): Uint8Array {
  const at = Math.floor(random() * (bytes.length + 1));
  const some = Math.floor(random() * Math.min(64, bytes.length + 1));
  const copy = Uint8Array.from(bytes);
  switch (Math.floor(random() * 10)) {
    case 0:
      if (copy.length > 0) copy[at % copy.length]! ^= 1 << Math.floor(random() * 8);
      return copy;
    case 1:
      if (copy.length > 0) copy[at % copy.length] = Math.floor(random() * 256);
      return copy;
    case 2:
      return spliced(bytes, at, some, new Uint8Array());
    case 3:
      return bytes.slice(0, at);
    case 4:
      return spliced(bytes, at, 0, bytes.slice(at, at + some));
    case 5: {
      const from = Math.floor(random() * (other.length + 1));
      return spliced(bytes, at, some, other.subarray(from, from + some * 4));
    }
    case 6:
    case 7: {
      const { from, to } = tokenAt(bytes, at);
      return spliced(bytes, from, to - from, Buffer.from(nasty[Math.floor(random() * nasty.length)]!));
    }
    case 8:
      return spliced(bytes, at, 0, Buffer.from(nasty[Math.floor(random() * nasty.length)]!));
    default: {
      // A little-endian or big-endian length somewhere becomes huge, as in binary formats.
      if (copy.length >= 4)
        new DataView(copy.buffer).setUint32(
          at % (copy.length - 3),
          0xffffffff >>> Math.floor(random() * 32),
          random() < 0.5,
        );
      return copy;
    }
  }
}

/** The n-th input of a corpus: a sample with 1 to 6 changes. A function of the two numbers and the corpus. */
export function inputOf(corpus: readonly Uint8Array[], seed: number, n: number): Uint8Array {
  const random = createRandom(seed * 1_000_003 + n);
  const sample = (): Uint8Array => corpus[Math.floor(random() * corpus.length)]!;
  let bytes = sample();
  for (let changes = 1 + Math.floor(random() ** 3 * 6); changes > 0; changes--) bytes = change(random, bytes, sample());
  // No parser is asked to be fast on megabytes that a mutator piled up.
  return bytes.length > 65_536 ? bytes.slice(0, 65_536) : bytes;
}
