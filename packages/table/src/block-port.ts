/** One end of a channel of structured clones, in order: a `MessagePort`, a `Worker`, a worker's `parentPort`. */
export interface BlockPort {
  readonly postMessage: (message: unknown) => void;
  readonly on: (event: 'message', listener: (message: unknown) => void) => unknown;
}

/** A thread that serves blocks (`serveBlocks`), as the run sees it. */
export interface BlockWorker {
  readonly port: BlockPort;
  /** Resolves with the reason when the thread ends, whether asked to or not. */
  readonly ended: Promise<string>;
  /** Ends the thread, which does nothing at the time. */
  readonly close: () => Promise<void>;
}
