import { describe, expect, it } from 'vitest';
import { tradesUnified, tradesUnifiedWithDecimals } from './index.js';

describe('trades_unified', () => {
  it('has the columns, field ids and types that files out there were written with, all required', () => {
    expect(tradesUnified.columns.map(({ fieldId, name, type, nullable }) => [fieldId, name, type, nullable])).toEqual([
      [1, 'exchange', 'string', false],
      [2, 'symbol', 'string', false],
      [3, 'trade_id', 'string', false],
      [4, 'side', 'string', false],
      [5, 'price', 'double', false],
      [6, 'quantity', 'double', false],
      [7, 'trade_ts', 'timestamp', false],
      [8, 'ingest_ts', 'timestamp', false],
    ]);
    expect(tradesUnified.name).toBe('trades_unified');
    expect(tradesUnified.primaryKey).toEqual(['exchange', 'symbol', 'trade_id']);
    expect(tradesUnified.sortKey).toEqual(['trade_ts', 'trade_id']);
  });

  it('with decimals only adds nullable columns, so that older files read as null', () => {
    const { columns, ...rest } = tradesUnifiedWithDecimals;
    expect(columns.slice(0, 8)).toEqual(tradesUnified.columns);
    expect(columns.slice(8).map(({ fieldId, name, type, nullable }) => [fieldId, name, type, nullable])).toEqual([
      [9, 'price_dec', 'decimal', true],
      [10, 'quantity_dec', 'decimal', true],
    ]);
    expect({ ...rest, columns: tradesUnified.columns }).toEqual(tradesUnified);
  });

  it('never has a field id twice, and every column says what it is', () => {
    const { columns, primaryKey, sortKey } = tradesUnifiedWithDecimals;
    expect(new Set(columns.map(({ fieldId }) => fieldId)).size).toBe(columns.length);
    expect(new Set(columns.map(({ name }) => name)).size).toBe(columns.length);
    for (const { name, doc } of columns) expect(doc?.length, name).toBeGreaterThan(5);
    for (const key of [...primaryKey, ...sortKey]) expect(columns.map(({ name }) => name)).toContain(key);
  });
});
