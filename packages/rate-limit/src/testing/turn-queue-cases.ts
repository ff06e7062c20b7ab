import type { TurnQueue } from '../queue.js';

/** One demand on a queue; `run` throws when it is not met. */
export interface TurnQueueCase {
  readonly name: string;
  readonly run: () => Promise<void>;
}

function expectEqual(actual: readonly unknown[], expected: readonly unknown[], what: string): void {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) {
    throw new Error(`${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`);
  }
}

/** Adds `count` turns that note their number and end at once; resolves after the last. */
function addNumbered(queue: TurnQueue, count: number, seen: number[]): Promise<void> {
  return new Promise((resolve) => {
    for (let number = 0; number < count; number++) {
      queue.add(async () => {
        seen.push(number);
        if (number === count - 1) resolve();
      });
    }
  });
}

/** What every `TurnQueue` must do; run each case with any test runner. */
export function turnQueueCases(createQueue: () => TurnQueue): readonly TurnQueueCase[] {
  return [
    {
      name: 'gives turns in the order in which they were added, each once',
      run: async () => {
        const seen: number[] = [];
        await addNumbered(createQueue(), 50, seen);
        expectEqual(
          seen,
          Array.from({ length: 50 }, (_, number) => number),
          'order of turns',
        );
      },
    },
    {
      name: 'begins a turn only when the one before is over, however late that is',
      run: async () => {
        const queue = createQueue();
        const seen: string[] = [];
        let end = (): void => {};
        const begun = new Promise<void>((resolve) => {
          queue.add(() => {
            seen.push('first');
            resolve();
            return new Promise((over) => {
              end = over;
            });
          });
        });
        const second = new Promise<void>((resolve) => {
          queue.add(async () => {
            seen.push('second');
            resolve();
          });
        });
        await begun;
        // Another queue goes through several turns meanwhile: this one had every chance to go on too early.
        await addNumbered(createQueue(), 5, []);
        expectEqual(seen, ['first'], 'turns while the first is not over');
        end();
        await second;
        expectEqual(seen, ['first', 'second'], 'turns');
      },
    },
    {
      name: 'takes turns that are added during a turn, and after it has been empty',
      run: async () => {
        const queue = createQueue();
        const seen: number[] = [];
        await new Promise<void>((resolve) => {
          queue.add(async () => {
            seen.push(1);
            queue.add(async () => {
              seen.push(2);
              resolve();
            });
          });
        });
        await new Promise<void>((resolve) => {
          queue.add(async () => {
            seen.push(3);
            resolve();
          });
        });
        expectEqual(seen, [1, 2, 3], 'turns');
      },
    },
    {
      name: 'forgets at stop what has not begun, and lets the running turn end',
      run: async () => {
        const queue = createQueue();
        const seen: string[] = [];
        let end = (): void => {};
        await new Promise<void>((resolve) => {
          queue.add(() => {
            seen.push('running');
            resolve();
            return new Promise((over) => {
              end = over;
            });
          });
          for (let number = 0; number < 10; number++) {
            queue.add(async () => {
              seen.push('forgotten');
            });
          }
        });
        queue.stop();
        end();
        await addNumbered(createQueue(), 5, []);
        expectEqual(seen, ['running'], 'turns after stop');
      },
    },
  ];
}
