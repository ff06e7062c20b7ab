import type { CircuitStore } from '../store.js';

/** One demand on a store; `run` throws when it is not met. */
export interface CircuitStoreCase {
  readonly name: string;
  readonly run: () => Promise<void>;
}

function demand(holds: boolean, sentence: string): void {
  if (!holds) throw new Error(sentence);
}

async function writeOrFail(store: CircuitStore, value: unknown, version: string | undefined): Promise<string> {
  const written = await store.write(value, version);
  if (written === 'conflict')
    throw new Error(`a write on the current version (${String(version)}) must not be a conflict`);
  return written.version;
}

/** What every `CircuitStore` must do. `createStore` makes an empty one; run each case with any test runner. */
export function circuitStoreCases(
  createStore: () => CircuitStore | Promise<CircuitStore>,
): readonly CircuitStoreCase[] {
  return [
    {
      name: 'is empty at first, then gives back what was written, with its version',
      run: async () => {
        const store = await createStore();
        demand((await store.read()) === undefined, 'an empty store must read as undefined');
        const value = { phase: 'open', updatedAt: 1, reopensAt: 2, reason: 'ä "quoted" reason', lastError: '' };
        const version = await writeOrFail(store, value, undefined);
        const stored = await store.read();
        demand(
          stored !== undefined && JSON.stringify(stored.value) === JSON.stringify(value),
          'the value must come back',
        );
        demand(stored?.version === version, 'read must give the version that write returned');
      },
    },
    {
      name: 'refuses a write on another version, and a first write when there is a value; both change nothing',
      run: async () => {
        const store = await createStore();
        const first = await writeOrFail(store, { n: 1 }, undefined);
        const second = await writeOrFail(store, { n: 2 }, first);
        demand(first !== second, 'a version must change with the value');
        demand((await store.write({ n: 3 }, first)) === 'conflict', 'a write on an old version must be a conflict');
        demand(
          (await store.write({ n: 4 }, undefined)) === 'conflict',
          'a first write over a value must be a conflict',
        );
        demand(JSON.stringify((await store.read())?.value) === '{"n":2}', 'a refused write must change nothing');
      },
    },
    {
      name: 'lets exactly one of many simultaneous writers win',
      run: async () => {
        const store = await createStore();
        const version = await writeOrFail(store, { n: -1 }, undefined);
        const results = await Promise.all(Array.from({ length: 10 }, (_, n) => store.write({ n }, version)));
        const winners = results.flatMap((result, n) => (result === 'conflict' ? [] : [n]));
        demand(winners.length === 1, `exactly one writer must win, ${winners.length} did`);
        demand(
          JSON.stringify((await store.read())?.value) === `{"n":${winners[0]}}`,
          "the winner's value must be stored",
        );
      },
    },
    {
      name: 'keeps its own copy of the value',
      run: async () => {
        const store = await createStore();
        const value = { n: 1 };
        await writeOrFail(store, value, undefined);
        value.n = 2;
        demand(
          JSON.stringify((await store.read())?.value) === '{"n":1}',
          'a later change of the written object must not show',
        );
      },
    },
  ];
}
