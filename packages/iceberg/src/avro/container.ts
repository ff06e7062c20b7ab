import { createHash } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { damaged, IcebergError } from '../errors.js';
import { type AvroReader, ByteSource, readerOf } from './read.js';
import { type AvroRecord, type AvroSchema, withNamesOf } from './schema.js';
import { ByteSink, writerOf } from './write.js';

/** https://avro.apache.org/docs/1.12.0/specification/#object-container-files */
const MAGIC = Uint8Array.of(0x4f, 0x62, 0x6a, 1);
const SYNC_BYTES = 16;
const BLOCK_BYTES = 64 * 1024;
const META: AvroSchema = { type: 'map', values: 'bytes' };
/** What one block may become: a few bytes can inflate to gigabytes. */
const MAX_BLOCK_BYTES = 256 * 1024 * 1024;

export type AvroCodec = 'null' | 'deflate';

export interface WriteAvroOptions {
  readonly schema: AvroSchema;
  readonly records: readonly AvroRecord[];
  /** Key-value metadata of the file, in this order after Avro's own. Default none. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Default `deflate`, which Iceberg calls gzip. */
  readonly codec?: AvroCodec | undefined;
}

/** An Avro object container file. Its sync marker is made from its content, so equal records give equal bytes. */
export function writeAvro(options: WriteAvroOptions): Uint8Array {
  const { schema, records, codec = 'deflate' } = options;
  const write = writerOf(schema, 'record');
  const blocks: { count: number; bytes: Uint8Array }[] = [];
  let sink = new ByteSink();
  let count = 0;
  const close = (): void => {
    if (count === 0) return;
    const bytes = sink.take();
    blocks.push({ count, bytes: codec === 'deflate' ? deflateRawSync(bytes) : bytes });
    sink = new ByteSink();
    count = 0;
  };
  for (const record of records) {
    write(sink, record);
    count += 1;
    if (sink.length >= BLOCK_BYTES) close();
  }
  close();
  const texts = { 'avro.schema': JSON.stringify(schema), 'avro.codec': codec, ...options.metadata };
  const header = Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, Buffer.from(text, 'utf8')]));
  const hash = createHash('sha256').update(JSON.stringify(texts));
  for (const { bytes } of blocks) hash.update(bytes);
  const sync = hash.digest().subarray(0, SYNC_BYTES);
  const file = new ByteSink();
  file.raw(MAGIC);
  writerOf(META)(file, header);
  file.raw(sync);
  for (const block of blocks) {
    file.long(block.count);
    file.long(block.bytes.length);
    file.raw(block.bytes);
    file.raw(sync);
  }
  return file.take();
}

export interface AvroFile {
  /** Schema that it was written with. */
  readonly schema: AvroSchema;
  readonly metadata: Readonly<Record<string, string>>;
  readonly records: readonly AvroRecord[];
}

function parseSchema(text: string | undefined): AvroSchema {
  if (text === undefined) throw damaged('the Avro header has no schema');
  try {
    return JSON.parse(text) as AvroSchema;
  } catch (error) {
    throw damaged('the Avro header holds a schema that is no JSON', error);
  }
}

function inflate(codec: string, bytes: Uint8Array): Uint8Array {
  if (codec === 'null') return bytes;
  if (codec !== 'deflate') {
    throw new IcebergError('unsupported', `The Avro codec ${codec} is not read; expected null or deflate (gzip).`);
  }
  try {
    return inflateRawSync(bytes, { maxOutputLength: MAX_BLOCK_BYTES });
  } catch (error) {
    throw damaged('an Avro block cannot be inflated', error);
  }
}

function compile(schema: AvroSchema, reader: AvroSchema | undefined): AvroReader {
  try {
    return readerOf(withNamesOf(schema, reader));
  } catch (error) {
    if (error instanceof IcebergError) throw error;
    throw damaged('the Avro header holds JSON that is no schema', error);
  }
}

/** Reads a whole container file. Names are `reader`'s where it knows the field: see `withNamesOf`. */
export function readAvro(bytes: Uint8Array, reader?: AvroSchema): AvroFile {
  const source = new ByteSource(bytes);
  if (bytes.length < MAGIC.length || Buffer.compare(source.raw(MAGIC.length), MAGIC) !== 0)
    throw damaged('it does not begin as an Avro file');
  const header = readerOf(META)(source) as Record<string, Uint8Array>;
  const metadata = Object.fromEntries(
    Object.entries(header).map(([key, value]) => [key, Buffer.from(value).toString('utf8')]),
  );
  const schema = parseSchema(metadata['avro.schema']);
  const read = compile(schema, reader);
  const sync = source.raw(SYNC_BYTES);
  const records: AvroRecord[] = [];
  while (source.rest > 0) {
    const count = source.count();
    if (count < 0) throw damaged(`an Avro block holds ${count} records`);
    const block = new ByteSource(inflate(metadata['avro.codec'] ?? 'null', source.raw(source.length())));
    block.expect(count);
    for (let record = 0; record < count; record += 1) records.push(read(block) as AvroRecord);
    if (block.rest > 0) throw damaged('an Avro block holds more than its records');
    if (Buffer.compare(source.raw(SYNC_BYTES), sync) !== 0) throw damaged('an Avro block does not end in its marker');
  }
  return { schema, metadata, records };
}
