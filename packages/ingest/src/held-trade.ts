import type { CheckpointStore } from '@schemahub/checkpoint';
import { type CursorWindowsOptions, windowsOverCursor } from '@schemahub/connector-kit';
import type { Connector, CursorConnector, TradeFacts, WindowedConnector } from '@schemahub/core';
import { LakeError, type Layout, listRawNames, type RawName, type ReadId, readRawObject } from '@schemahub/lake';
import type { ObjectStore } from '@schemahub/object-store';

export interface HeldTradesOptions {
  readonly store: ObjectStore;
  readonly layout: Layout;
  readonly checkpoints: CheckpointStore;
  readonly readId: ReadId;
}

/** Index of the greatest id ≤ `id`; −1 when there is none. */
function floorIndex(ids: Float64Array, id: number): number {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ids[middle]! <= id) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

async function tradeIn(
  options: HeldTradesOptions,
  connector: CursorConnector,
  name: RawName,
  id: number,
): Promise<TradeFacts | undefined> {
  try {
    const { ids, lines } = await readRawObject(options.store, name, options.readId);
    const at = floorIndex(ids, id);
    return at < 0 ? undefined : connector.parseTrade(lines[at]!);
  } catch (error) {
    // A damaged object is found and condemned elsewhere; here it only gives no place to begin at.
    if (error instanceof LakeError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The greatest held trade at or below an id, from the checkpoint or the raw object that holds it: where a cursor is derived from. */
function heldTrades(
  connector: CursorConnector,
  options: HeldTradesOptions,
): NonNullable<CursorWindowsOptions['heldAt']> {
  const { store, layout, checkpoints } = options;
  const { exchange } = connector;
  return async (product, id) => {
    const checkpoint = await checkpoints.read(exchange, product).catch(() => undefined);
    const held = checkpoint?.fetched.floor(id);
    if (held === undefined) return undefined;
    const { lastTrade } = checkpoint!;
    if (lastTrade?.id === held) return lastTrade;
    const names = await listRawNames(store, layout, { exchange, product, from: held });
    for (const name of names.filter(({ first, last }) => first <= held && held <= last)) {
      const trade = await tradeIn(options, connector, name, held);
      if (trade?.id === held) return trade;
    }
    return undefined;
  };
}

/** A connector as a run works with it: a venue that pages by time is read through windows, from the trades that the lake holds. */
export function windowedConnector(connector: Connector, options?: HeldTradesOptions): WindowedConnector {
  if (connector.kind === 'windowed') return connector;
  return windowsOverCursor(connector, options === undefined ? {} : { heldAt: heldTrades(connector, options) });
}
