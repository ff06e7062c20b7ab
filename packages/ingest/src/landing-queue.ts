/** Writes of one product, one after the other, while fetching goes on. */
export interface LandingQueue {
  /** Adds a write of so many trades. */
  readonly push: (write: () => Promise<void>, trades?: number) => void;
  /** Writes that have not ended. */
  readonly size: () => number;
  /** Trades of those writes. */
  readonly trades: () => number;
  /** Resolves when all that was pushed so far has ended. Never rejects. */
  readonly drained: () => Promise<void>;
}

/**
 * One at a time: what a write of the checkpoint answers is then never older than what an earlier one answered.
 * `onError` gets what a write throws; later writes are still made, because what they hold is finished.
 */
export function createLandingQueue(onError: (error: unknown) => void): LandingQueue {
  let tail: Promise<void> = Promise.resolve();
  let size = 0;
  let pending = 0;
  return {
    push: (write, trades = 0) => {
      size++;
      pending += trades;
      tail = tail
        .then(write)
        .catch(onError)
        .then(() => {
          size--;
          pending -= trades;
        });
    },
    size: () => size,
    trades: () => pending,
    drained: () => tail,
  };
}
