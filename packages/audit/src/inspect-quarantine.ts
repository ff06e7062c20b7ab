import type { RangeSet } from '@schemahub/coverage';
import { LakeError, readRawObject } from '@schemahub/lake';
import type { Finding } from './certificate/index.js';
import type { InspectContext } from './inspect-context.js';
import { createSamples } from './samples.js';

/** Ids are excused as quarantined only while the mapping refuses every record that holds them. */
export async function* inspectQuarantine(context: InspectContext, quarantined: RangeSet): AsyncGenerator<Finding> {
  const { exchange, productId } = context.product;
  for (const name of context.nameIndex(quarantined)) {
    context.signal?.throwIfAborted();
    const samples = createSamples({ exchange, productId, key: name.key });
    try {
      const { ids, lines } = await readRawObject(context.store, name, context.readId);
      for (const [at, id] of ids.entries()) {
        if (!quarantined.contains(id) || context.interpret(lines[at]!).kind !== 'row') continue;
        samples.add(
          'quarantine-differs',
          `${name.key}: id ${id} is said to be quarantined, but the mapping accepts its record. Run: schemahub transform --rebuild`,
        );
      }
    } catch (error) {
      if (!(error instanceof LakeError)) throw error; // met by the pass over raw objects
    }
    yield* samples.take();
  }
}
