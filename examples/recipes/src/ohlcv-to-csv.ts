// One-hour candles of a symbol as CSV, from the committed snapshot of a lake.
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { tradesUnified } from '@schemahub/core';
import { createLayout, readHead } from '@schemahub/lake';
import { createFolderStore } from '@schemahub/object-store';
import { formatResult } from '@schemahub/query';
import { openDuckdb } from '@schemahub/query/duckdb';

const [symbol = 'WLD-USD', file = 'candles.csv'] = process.argv.slice(2);
const [store, layout] = [createFolderStore({ folder: './lake' }), createLayout()];
const snapshot = await readHead(store, layout);
if (snapshot === undefined) throw new Error('./lake has no table yet: schemahub transform makes it');
const files = snapshot.products.flatMap((product) => product.files.map(({ path }) => store.urlOf?.(path) ?? path));
const engine = await openDuckdb({ table: { files, columns: tradesUnified.columns } });
const result = await engine.run(`SELECT * FROM ohlcv('${symbol.replaceAll("'", "''")}', '1h') ORDER BY bucket`);
await pipeline(formatResult(result, { format: 'csv' }), createWriteStream(file));
await engine.close();
console.log(`${result.rowCount > 0 ? 'written' : 'no candles'}: ${file}`); // written: candles.csv
