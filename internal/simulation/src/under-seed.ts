import crypto from 'node:crypto';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import type { Transform } from 'node:stream';
import zlib from 'node:zlib';
import type { Scratch } from '@schemahub/connector-binance';
import { createDraws } from './draws.js';
import type { Scheduler } from './scheduler.js';

// Imported before anything else: modules that take `gzip` at their load must take ours. Outside of a simulation every
// function here is the original.

interface Seeded {
  readonly scheduler: Scheduler;
  readonly uuid: () => string;
  readonly random: () => number;
  readonly cpuMs: () => number;
  /** Scratch files: nothing of them touches a disk. */
  readonly scratch: Map<number, ScratchFile>;
}

interface ScratchFile {
  bytes: Uint8Array;
}

/** No file of this process has such a number. */
const FIRST_SCRATCH = 2 ** 30;

let current: Seeded | undefined;

const originals = {
  gzip: zlib.gzip,
  gunzip: zlib.gunzip,
  read: fs.read,
  randomUUID: crypto.randomUUID,
  webUuid: globalThis.crypto.randomUUID.bind(globalThis.crypto),
  readFile: fsPromises.readFile,
  readdir: fsPromises.readdir,
  anySignal: AbortSignal.any.bind(AbortSignal),
  random: Math.random,
  now: Date.now,
  performanceNow: performance.now.bind(performance),
};

type Callback = (error: Error | null, result?: Buffer) => void;

/** zlib works in threads, which end in any order: in a simulation the work is done in one go when the seed says so. */
function seededCodec(original: unknown, work: (bytes: Uint8Array, options: zlib.ZlibOptions) => Buffer): unknown {
  return (bytes: Uint8Array, options: zlib.ZlibOptions | Callback, last?: Callback): void => {
    if (current === undefined) {
      (original as (...all: unknown[]) => void)(bytes, options, last);
      return;
    }
    const callback = typeof options === 'function' ? options : last!;
    current.scheduler.call(undefined, current.cpuMs(), () => {
      let result: Buffer;
      try {
        result = work(bytes, typeof options === 'function' ? {} : options);
      } catch (error) {
        callback(error as Error);
        return;
      }
      callback(null, result);
    });
  };
}

/** What an unpacking stream is made of; `createGunzip` itself cannot be replaced. */
interface UnpackingStream extends Transform {
  readonly _chunkSize: number;
  held?: Uint8Array[];
}

/** Gathers what comes, and unpacks it in one go when the seed says so. */
function seedStream(stream: { prototype: unknown }, unpack: (bytes: Uint8Array) => Buffer): void {
  const prototype = stream.prototype as UnpackingStream;
  const { _transform: transform, _flush: flush } = prototype;
  prototype._transform = function (this: UnpackingStream, chunk: Uint8Array, encoding, done): void {
    if (current === undefined) transform.call(this, chunk, encoding, done);
    else {
      this.held = [...(this.held ?? []), chunk];
      done();
    }
  };
  prototype._flush = function (this: UnpackingStream, done): void {
    if (current === undefined) {
      flush.call(this, done);
      return;
    }
    current.scheduler.call(undefined, current.cpuMs(), () => {
      let bytes: Buffer;
      try {
        bytes = unpack(Buffer.concat(this.held ?? []));
      } catch (error) {
        done(error as Error);
        return;
      }
      for (let at = 0; at < bytes.length; at += this._chunkSize) this.push(bytes.subarray(at, at + this._chunkSize));
      done();
    });
  };
}

const streams = zlib as unknown as Record<'Gunzip' | 'InflateRaw', { prototype: unknown }>;
seedStream(streams.Gunzip, zlib.gunzipSync);
seedStream(streams.InflateRaw, zlib.inflateRawSync);

type Read = (fd: number, buffer: Uint8Array, offset: number, length: number, position: number, done: ReadDone) => void;
type ReadDone = (error: Error | null, bytesRead?: number, buffer?: Uint8Array) => void;

/** Files in threads end in any order as well; those of a simulation are in memory. */
fs.read = ((fd, buffer, offset, length, position, done) => {
  const file = current?.scratch.get(fd);
  if (current === undefined || file === undefined) {
    (originals.read as Read)(fd, buffer, offset, length, position, done);
    return;
  }
  current.scheduler.call(undefined, current.cpuMs(), () => {
    const bytes = file.bytes.subarray(position, position + length);
    buffer.set(bytes, offset);
    done(null, bytes.length, buffer);
  });
}) as Read as typeof fs.read;

/** A scratch file of the run under way. */
export function openSeededScratch(): Scratch {
  if (current === undefined) throw new Error('no simulation is under way');
  const { scratch } = current;
  const fd = FIRST_SCRATCH + scratch.size;
  const file: ScratchFile = { bytes: new Uint8Array() };
  scratch.set(fd, file);
  return {
    fd,
    write: async (bytes, offset, length, position) => {
      const grown = new Uint8Array(Math.max(file.bytes.length, position + length));
      grown.set(file.bytes);
      grown.set(bytes.subarray(offset, offset + length), position);
      file.bytes = grown;
      return { bytesWritten: length };
    },
    close: async () => {
      file.bytes = new Uint8Array();
    },
  };
}

zlib.gzip = seededCodec(originals.gzip, zlib.gzipSync) as typeof zlib.gzip;
zlib.gunzip = seededCodec(originals.gunzip, zlib.gunzipSync) as typeof zlib.gunzip;
crypto.randomUUID = ((options?: crypto.RandomUUIDOptions) =>
  current === undefined ? originals.randomUUID(options) : current.uuid()) as typeof crypto.randomUUID;
Object.defineProperty(globalThis.crypto, 'randomUUID', {
  configurable: true,
  value: () => (current === undefined ? originals.webUuid() : current.uuid()),
});
fsPromises.readFile = (async (...args: Parameters<typeof fs.readFileSync>) =>
  current === undefined
    ? await (originals.readFile as (...all: unknown[]) => Promise<unknown>)(...args)
    : fs.readFileSync(...args)) as typeof fsPromises.readFile;
fsPromises.readdir = (async (...args: unknown[]) =>
  current === undefined
    ? await (originals.readdir as (...all: unknown[]) => Promise<unknown>)(...args)
    : (fs.readdirSync as (...all: unknown[]) => unknown)(...args)) as typeof fsPromises.readdir;
// Node keeps a composite signal alive while somebody listens to it, and a program killed in a simulation listens for ever:
// with it the whole run would stay in memory. A plain signal goes with its run.
AbortSignal.any = (signals) => {
  if (current === undefined) return originals.anySignal(signals);
  const any = new AbortController();
  for (const signal of signals) {
    if (signal.aborted) any.abort(signal.reason);
    signal.addEventListener('abort', () => any.abort(signal.reason), { once: true });
  }
  return any.signal;
};
Math.random = () => (current === undefined ? originals.random() : current.random());
Date.now = () => (current === undefined ? originals.now() : current.scheduler.now());
performance.now = () => (current === undefined ? originals.performanceNow() : current.scheduler.now());
syncBuiltinESMExports();

/** Runs `work` with clock, random, ids and the order of zlib's threads drawn from the seed. One at a time. */
export async function underSeed<T>(seed: number, scheduler: Scheduler, work: () => Promise<T>): Promise<T> {
  if (current !== undefined) throw new Error('a simulation is under way in this process already');
  const random = createDraws(seed, 'globals');
  const cpu = createDraws(seed, 'threads');
  let ids = 0;
  current = {
    scheduler,
    random,
    cpuMs: () => Math.floor(cpu() * 3),
    scratch: new Map(),
    uuid: () => {
      const hex = (++ids).toString(16).padStart(12, '0');
      const salt = Math.floor(random() * 0xffff)
        .toString(16)
        .padStart(4, '0');
      return `00000000-0000-4000-8${salt.slice(1)}-${hex}`;
    },
  };
  try {
    return await work();
  } finally {
    current = undefined;
  }
}

/** The machine's own clock in ms, for figures that are no part of a run. */
export function realMs(): number {
  return originals.performanceNow();
}
