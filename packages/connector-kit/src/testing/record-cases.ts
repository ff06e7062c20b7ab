import assert from 'node:assert/strict';
import { parseRawLine } from '../raw-line.js';
import { holds, PRODUCT, product, type StagedCase, tradeOf } from './conformance-stage.js';

/** No byte of what the exchange said is changed. */
export const records: readonly StagedCase[] = [
  [
    'records are the very bytes of the body',
    async (stage) => {
      holds(stage.venue, [1, 300]);
      const page = await stage.connector.fetchWindow(PRODUCT, { first: 1, last: 300 });
      const bodies = Buffer.concat(stage.venue.bodies());
      for (const [at, record] of page.records.entries()) {
        if (stage.paging !== 'time') assert(bodies.includes(Buffer.from(record)), 'the record is not in the body');
        // A row that comes as an array becomes an object: its values are still the venue's bytes.
        const { price, quantity } = tradeOf(stage, at + 1);
        for (const digits of [price, quantity]) assert(bodies.includes(digits) && Buffer.from(record).includes(digits));
      }
      assert.equal(page.bytes, bodies.length);
    },
  ],
  [
    'a raw line keeps the bytes in front, adds the product, and reads as the same trade',
    async (stage) => {
      holds(stage.venue, [1, 20]);
      const { records: rows } = await stage.connector.fetchWindow(PRODUCT, { first: 1, last: 20 });
      for (const [at, record] of rows.entries()) {
        for (const rawPayload of [false, true]) {
          const line = stage.connector.rawLine(product, record, { rawPayload });
          const open = Buffer.from(record.subarray(0, record.lastIndexOf(0x7d)));
          assert.equal(Buffer.from(line).subarray(0, open.length).toString(), open.toString());
          const whole = Buffer.concat([line, Buffer.from(',"_source_ingest_ts":"2026-09-27T15:57:30.000001Z"}')]);
          const { value, row, ingestTs } = parseRawLine(whole);
          assert.equal(ingestTs, '2026-09-27T15:57:30.000001Z');
          assert.deepEqual(Buffer.from(row), Buffer.from(line));
          assert.equal(value.product_id, PRODUCT);
          assert.equal(value._source, stage.connector.exchange);
          assert.equal(value._symbol, product.symbol);
          assert.equal(value._raw_payload, rawPayload ? Buffer.from(record).toString() : undefined);
          assert.deepEqual(stage.connector.parseTrade(whole), tradeOf(stage, at + 1));
        }
      }
    },
  ],
  [
    'a damaged record is a SyntaxError',
    async (stage) => {
      holds(stage.venue, [1, 1]);
      const { records: rows } = await stage.connector.fetchWindow(PRODUCT, { first: 1, last: 1 });
      const texts = ['', '{', 'null', '[]', '1', '{}', Buffer.from(rows[0]!.subarray(0, -1)).toString()];
      for (const text of texts) assert.throws(() => stage.connector.parseTrade(Buffer.from(text)), SyntaxError, text);
      assert.throws(() => stage.connector.parseTrade(Uint8Array.of(0x7b, 0xff, 0x7d)), SyntaxError);
    },
  ],
  [
    'the connector says what it is',
    async ({ connector }) => {
      assert.equal(connector.kind, 'windowed');
      assert.match(connector.exchange, /^[a-z][a-z0-9_]*$/);
      assert.equal(new URL(connector.origin).href.replace(/\/$/, ''), connector.origin);
      assert(Number.isSafeInteger(connector.gridSize) && connector.gridSize > 0);
    },
  ],
];
