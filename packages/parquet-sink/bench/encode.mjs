// CPU and bytes a trade of the writer, on synthetic trades with a fixed seed (52 % share their predecessor's time,
// prices on a random walk of cents, sizes of eight decimals). Build first: `npx tsup`, then
// `node bench/encode.mjs [rows] [codec] [profile] [rounds]`.
import { writeParquet } from '../dist/index.js';

const rows = Number(process.argv[2] ?? 2_000_000);
const codec = process.argv[3] ?? 'snappy';
const profile = process.argv[4] ?? 'modern';
const rounds = Number(process.argv[5] ?? 5);

const column = (fieldId, name, type) => ({ fieldId, name, type, nullable: false, doc: '' });
const schema = {
  name: 'trades_unified',
  columns: [
    column(1, 'exchange', 'string'),
    column(2, 'symbol', 'string'),
    column(3, 'trade_id', 'string'),
    column(4, 'side', 'string'),
    column(5, 'price', 'double'),
    column(6, 'quantity', 'double'),
    column(7, 'trade_ts', 'timestamp'),
    column(8, 'ingest_ts', 'timestamp'),
  ],
  primaryKey: [],
  sortKey: [],
};

const say = (line) => process.stdout.write(`${line}\n`);

let seed = 42;
function random() {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
}

function trades(count) {
  const ids = new Float64Array(count);
  const side = new Uint32Array(count);
  const price = new Float64Array(count);
  const quantity = new Float64Array(count);
  const tradeTs = new Float64Array(count);
  const ingestTs = new Float64Array(count);
  let time = 1_764_547_200_000_000;
  let cents = 9_000_000;
  let taker = 0;
  for (let row = 0; row < count; row++) {
    if (random() > 0.52) {
      time += 1 + Math.floor(-Math.log(1 - random()) * 350_000);
      cents += Math.floor((random() - 0.5) * 400);
      taker = random() < 0.5 ? 0 : 1;
    } else if (random() < 0.4) {
      cents += taker === 0 ? 1 : -1;
    }
    ids[row] = 800_000_000 + row;
    side[row] = taker;
    price[row] = cents / 100;
    quantity[row] = random() < 0.15 ? Math.ceil(random() * 100) / 100 : Math.ceil(random() ** 4 * 1e8) / 1e8;
    tradeTs[row] = time;
    ingestTs[row] = 1_764_600_000_000_000 + Math.floor(row / 1000) * 100_123;
  }
  const zeros = new Uint32Array(count);
  return {
    schema,
    rows: count,
    columns: [
      { kind: 'dictionary', values: ['COINBASE'], codes: zeros },
      { kind: 'dictionary', values: ['BTC-USD'], codes: zeros },
      { kind: 'id', values: ids },
      { kind: 'dictionary', values: ['BUY', 'SELL'], codes: side },
      { kind: 'double', values: price },
      { kind: 'double', values: quantity },
      { kind: 'timestamp', values: tradeTs },
      { kind: 'timestamp', values: ingestTs },
    ],
  };
}

const batch = trades(rows);
const seconds = [];
for (let round = 0; round < rounds; round++) {
  const start = process.cpuUsage();
  const file = writeParquet([batch], { schema, codec, profile, sortingColumns: ['trade_ts'] });
  for await (const piece of file.bytes) void piece;
  const { user, system } = process.cpuUsage(start);
  seconds.push((user + system) / 1e6);
  if (round === 0) {
    const facts = await file.facts;
    say(`${(facts.bytes / facts.rows).toFixed(2)} bytes a trade`);
    for (const { name, encodedBytes } of facts.columns) say(`  ${name} ${(encodedBytes / rows).toFixed(3)}`);
  }
}
say(`${codec} ${profile} CPU s per million rows: ${seconds.map((s) => ((s / rows) * 1e6).toFixed(3)).join(' ')}`);
