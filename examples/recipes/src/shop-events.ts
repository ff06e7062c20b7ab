// The same engine for another domain: events of a web shop, JSON lines in, one sorted Parquet file out.
import { writeFile } from 'node:fs/promises';
import { gather, sortPermutation, type TableSchema } from '@schemahub/columns';
import { createScanner, loadMapping } from '@schemahub/mapping-engine';
import { writeParquet } from '@schemahub/parquet-sink';

const column = (fieldId: number, name: string, type: 'string' | 'double' | 'timestamp', doc: string) => {
  return { fieldId, name, type, nullable: false, doc } as const;
};
const orders: TableSchema = {
  name: 'orders',
  columns: [
    column(1, 'shop', 'string', 'which shop'),
    column(2, 'event_id', 'string', 'unique per shop'),
    column(3, 'kind', 'string', 'SALE or REFUND'),
    column(4, 'amount', 'double', 'in euros'),
    column(5, 'happened', 'timestamp', 'when'),
  ],
  primaryKey: ['shop', 'event_id'],
  sortKey: ['happened'],
};
const yaml = `
version: 1
source: shop_events
target_table: orders
mappings: { id: event_id, type: kind, eur: amount, at: happened }
constants: { shop: BERLIN }
transforms:
  kind: { enum: { purchase: SALE, return: REFUND } }
  amount: to_double
  happened: from_ms
validation:
  amount: { minimum: 0, exclusive: true }
id_kind: text
`;
const events = [
  { id: 'a-2', type: 'return', eur: '19.90', at: 1_764_600_000_500 },
  { id: 'a-1', type: 'purchase', eur: '19.90', at: 1_764_500_000_250 },
  { id: 'a-3', type: 'gift', eur: '5.00', at: 1_764_700_000_000 }, // no such kind: refused, not lost
];

const mapping = await loadMapping(yaml, { file: 'shop.yaml', schemas: [orders] });
const scanner = createScanner({ mapping, schema: orders });
scanner.begin('events.jsonl');
for (const event of events) scanner.feed(new TextEncoder().encode(`${JSON.stringify(event)}\n`));
scanner.end();
const { refused } = scanner.report();
console.log(refused.map(({ line, reason }) => `${line}: ${reason}`).length); // 1
const batch = scanner.take();
const sorted = gather(batch, sortPermutation(batch, { keys: orders.sortKey }), 0, batch.rows);
async function* batches(): AsyncGenerator<typeof sorted> {
  yield sorted;
}
const file = writeParquet(batches(), { schema: orders, sortingColumns: ['happened'] });
await writeFile('orders.parquet', file.bytes);
const { rows } = await file.facts;
console.log(rows); // 2
