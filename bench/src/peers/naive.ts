import { createReadStream, createWriteStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { ByteWriter, parquetWrite } from 'hyparquet-writer';

interface Row {
  symbol: string;
  id: number;
  side: string;
  price: number;
  quantity: number;
  time: bigint;
  ingest: bigint;
}

/** Microseconds of an RFC 3339 text, as anybody would write it. */
function micros(text: string): bigint {
  const [seconds, fraction = ''] = text.slice(0, -1).split('.');
  return BigInt(Date.parse(`${seconds}Z`)) * 1000n + BigInt(fraction.padEnd(6, '0'));
}

async function inputs(source: string): Promise<string[]> {
  if (!source.endsWith('/')) return [source];
  const names = await readdir(source, { recursive: true });
  return names
    .filter((name) => name.endsWith('.gz'))
    .sort()
    .map((name) => join(source, name));
}

/** What one writes on a first day: a line, JSON.parse, a Map, sort, a column of values, hyparquet-writer's defaults. */
export async function naiveTransform(source: string, target: string): Promise<void> {
  const rows = new Map<string, Row>();
  for (const path of await inputs(source)) {
    const file = createReadStream(path);
    const input = path.endsWith('.gz') ? file.pipe(createGunzip()) : file;
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      const raw = JSON.parse(line);
      const key = `${raw._symbol}|${raw.trade_id}`;
      const ingest = micros(raw._source_ingest_ts);
      const known = rows.get(key);
      if (known !== undefined && known.ingest <= ingest) continue;
      rows.set(key, {
        symbol: raw._symbol,
        id: raw.trade_id,
        side: raw.side === 'buy' ? 'SELL' : 'BUY',
        price: Number(raw.price),
        quantity: Number(raw.size),
        time: micros(raw.time),
        ingest,
      });
    }
  }
  const sorted = [...rows.values()].sort((a, b) =>
    a.symbol !== b.symbol
      ? a.symbol < b.symbol
        ? -1
        : 1
      : a.time !== b.time
        ? a.time < b.time
          ? -1
          : 1
        : a.id - b.id,
  );
  const timestamp = { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' } as const;
  const writer = new ByteWriter();
  await parquetWrite({
    writer,
    columnData: [
      { name: 'exchange', data: sorted.map(() => 'COINBASE') },
      { name: 'symbol', data: sorted.map((row) => row.symbol) },
      { name: 'trade_id', data: sorted.map((row) => String(row.id)) },
      { name: 'side', data: sorted.map((row) => row.side) },
      { name: 'price', data: sorted.map((row) => row.price) },
      { name: 'quantity', data: sorted.map((row) => row.quantity) },
      { name: 'trade_ts', data: sorted.map((row) => row.time) },
      { name: 'ingest_ts', data: sorted.map((row) => row.ingest) },
    ],
    schema: [
      { name: 'root', num_children: 8 },
      ...['exchange', 'symbol', 'trade_id', 'side'].map((name) => ({
        name,
        type: 'BYTE_ARRAY' as const,
        converted_type: 'UTF8' as const,
        repetition_type: 'REQUIRED' as const,
      })),
      ...['price', 'quantity'].map((name) => ({ name, type: 'DOUBLE' as const, repetition_type: 'REQUIRED' as const })),
      ...['trade_ts', 'ingest_ts'].map((name) => ({
        name,
        type: 'INT64' as const,
        converted_type: 'TIMESTAMP_MICROS' as const,
        logical_type: timestamp,
        repetition_type: 'REQUIRED' as const,
      })),
    ],
  });
  const file = createWriteStream(target);
  file.end(writer.getBytes());
  await new Promise<void>((resolve, reject) => file.once('close', resolve).once('error', reject));
}
