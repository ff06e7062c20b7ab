// What a backtest reads: every trade of a symbol in the order in which it happened, a few thousand rows at a time.
// The strategy is a toy: hold while the last price is above the average of the 500 trades before it.
import { tradesUnified } from '@schemahub/core';
import { createLayout, readHead } from '@schemahub/lake';
import { createFolderStore } from '@schemahub/object-store';
import { openDuckdb } from '@schemahub/query/duckdb';

const WINDOW = 500;
const [store, layout] = [createFolderStore({ folder: './lake' }), createLayout()];
const snapshot = await readHead(store, layout);
if (snapshot === undefined) throw new Error('./lake has no table yet: schemahub transform makes it');
const files = snapshot.products.flatMap((product) => product.files.map(({ path }) => store.urlOf?.(path) ?? path));
const engine = await openDuckdb({ table: { files, columns: tradesUnified.columns } });
// Trades of one microsecond are ordered by id, as a number.
const { rows } = await engine.run(
  "SELECT price FROM trades_unified WHERE symbol = 'SOL-USD' ORDER BY trade_ts, trade_id::BIGINT",
);
const recent = new Float64Array(WINDOW);
let [seen, sum, isHeld, cash] = [0, 0, false, 1];
let last = 0;
for await (const batch of rows) {
  for (const [value] of batch) {
    const price = Number(value);
    if (isHeld) cash *= price / last; // what was held followed the price
    const at = seen % WINDOW;
    sum += price - recent[at]!;
    recent[at] = price;
    seen += 1;
    last = price;
    isHeld = seen >= WINDOW && price > sum / WINDOW;
  }
}
await engine.close();
console.log(`${seen} trades`); // 25000 trades
console.log(`1 becomes ${cash.toFixed(4)}`);
