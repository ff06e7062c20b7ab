// Peak memory of writing a history of n batches of 50,000 rows: it must not grow with n.
// Build first: `npx tsup`, then `node bench/memory.mjs [batches]`.
import { writeParquet } from '../dist/index.js';

const batches = Number(process.argv[2] ?? 40);
const rows = 50_000;
const column = (fieldId, name, type) => ({ fieldId, name, type, nullable: false, doc: '' });
const schema = {
  name: 'trades',
  columns: [column(1, 'trade_id', 'string'), column(2, 'price', 'double'), column(3, 'trade_ts', 'timestamp')],
  primaryKey: [],
  sortKey: [],
};

function* history() {
  for (let batch = 0; batch < batches; batch++) {
    const first = batch * rows;
    yield {
      schema,
      rows,
      columns: [
        { kind: 'id', values: Float64Array.from({ length: rows }, (_, row) => first + row) },
        { kind: 'double', values: Float64Array.from({ length: rows }, (_, row) => ((row * 7919) % 10_007) / 100) },
        { kind: 'timestamp', values: Float64Array.from({ length: rows }, (_, row) => (first + row) * 1_000) },
      ],
    };
  }
}

let bytes = 0;
for await (const piece of writeParquet(history(), { schema }).bytes) bytes += piece.length;
const peakMb = process.resourceUsage().maxRSS / 1024;
process.stdout.write(`${batches * rows} rows, ${bytes} bytes, peak RSS ${peakMb.toFixed(0)} MB\n`);
