import { damaged } from './errors.js';

/**
 * Walks a Thrift compact struct without building anything and gives the place after it. hyparquet's parser trusts what
 * it reads: it allocates lists of any promised size and integers of any length. What passes here holds no list longer
 * than its bytes, no integer over ten bytes and no deep nesting, so parsing it costs no more than its size.
 * https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
export function checkThriftStruct(bytes: Uint8Array, offset: number): number {
  return new ThriftWalk(bytes, offset).struct(0);
}

const MAX_DEPTH = 12;
const MAX_VARINT_BYTES = 10;

class ThriftWalk {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  struct(depth: number): number {
    if (depth > MAX_DEPTH) throw damaged('its metadata is nested too deeply');
    for (;;) {
      const header = this.#byte();
      const type = header & 0x0f;
      if (type === 0) return this.#at;
      if (header >> 4 === 0) this.#varint();
      // A boolean field is its type.
      if (type > 2) this.#value(type, depth);
    }
  }

  #value(type: number, depth: number): void {
    switch (type) {
      case 1:
      case 2:
      case 3:
        this.#skip(1);
        return;
      case 4:
      case 5:
      case 6:
        this.#varint();
        return;
      case 7:
        this.#skip(8);
        return;
      case 8:
        this.#skip(this.#varint());
        return;
      case 9:
        this.#list(depth);
        return;
      case 12:
        this.struct(depth + 1);
        return;
      default:
        throw damaged(`its metadata has a value of the unknown type ${type}`);
    }
  }

  #list(depth: number): void {
    if (depth > MAX_DEPTH) throw damaged('its metadata is nested too deeply');
    const header = this.#byte();
    const size = header >> 4 === 15 ? this.#varint() : header >> 4;
    if (size > this.#bytes.length - this.#at)
      throw damaged(`its metadata has a list of ${size} entries, more than it has bytes`);
    for (let entry = 0; entry < size; entry++) this.#value(header & 0x0f, depth + 1);
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw damaged('its metadata ends early');
    return byte;
  }

  #skip(count: number): void {
    if (count > this.#bytes.length - this.#at) throw damaged('its metadata ends early');
    this.#at += count;
  }

  #varint(): number {
    let value = 0;
    for (let index = 0; index < MAX_VARINT_BYTES; index++) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) return value;
    }
    throw damaged('its metadata has an integer of more than ten bytes');
  }
}
