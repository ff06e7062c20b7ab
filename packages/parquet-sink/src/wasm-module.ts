/** What a module of ours exports besides its functions. Pointers are byte offsets in its memory. */
export interface WasmExports {
  readonly memory: { readonly buffer: ArrayBuffer; readonly grow: (pages: number) => number };
  readonly heapBase: () => number;
}

/** What is used of it; the types of Node have no more than a name for it. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
}

const PAGE_BYTES = 65_536;

/** An instance of a module without imports, given as base64. */
export function instantiate<Exports extends WasmExports>(base64: string): Exports {
  const { Module, Instance } = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;
  return new Instance(new Module(Buffer.from(base64, 'base64')), {}).exports as Exports;
}

/** The first byte that a host may use. */
export function baseOf({ heapBase }: WasmExports): number {
  return aligned(heapBase());
}

export function aligned(pointer: number): number {
  return Math.ceil(pointer / 16) * 16;
}

/** Makes the memory at least `size` bytes long; true where it grew, so that views of it are void. */
export function growTo({ memory }: WasmExports, size: number): boolean {
  const missing = size - memory.buffer.byteLength;
  if (missing <= 0) return false;
  memory.grow(Math.ceil(missing / PAGE_BYTES));
  return true;
}
