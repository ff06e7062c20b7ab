import type { Product, TradePage } from '@schemahub/core';
import { landUnnumberedRows } from '@schemahub/lake';
import type { IngestContext } from './context.js';

/** Keeps a page's rows without ids beside the numbered ones: no trade is lost, and none is counted twice. */
export async function landUnnumbered(context: IngestContext, product: Product, page: TradePage): Promise<void> {
  const { connector, store, layout, settings, onEvent } = context;
  const prefix = layout.raw(connector.exchange, product.id);
  const ingestTs = new Date(page.receivedAt).toISOString().replace('Z', '000Z');
  for (const { lower, upper, records } of page.unnumbered ?? []) {
    const lines = records.map((record) => connector.rawLine(product, record, { rawPayload: settings.rawPayload }));
    const { key, created } = await landUnnumberedRows(store, prefix, { lower, upper, lines, ingestTs });
    if (created) onEvent({ type: 'unnumbered-landed', product: product.id, key, rows: lines.length, lower, upper });
  }
}
