export interface LineSplitterOptions {
  /** The longest line that is still handed on, its line feed left out. */
  readonly maxLineBytes: number;
  /** Whole lines, each with its line feed: `bytes[from … to−1]`. The bytes are only lent. */
  readonly onLines: (bytes: Uint8Array, from: number, to: number) => void;
  /** A line that is too long; its bytes are gone. */
  readonly onOversizedLine: () => void;
}

/** Cuts a stream of chunks at line feeds, copying only lines that two chunks share. Memory: the longest line, at most the limit. */
export interface LineSplitter {
  readonly feed: (chunk: Uint8Array) => void;
  /** Hands on a last line without line feed. */
  readonly end: () => void;
  /** Forgets an unfinished line. */
  readonly reset: () => void;
}

const LINE_FEED = 10;

export function createLineSplitter(options: LineSplitterOptions): LineSplitter {
  const { maxLineBytes, onLines, onOversizedLine } = options;
  let carry = new Uint8Array(4096);
  let carried = 0;
  let isOversized = false;

  /** Keeps the start of a line; of a line that is too long only this is remembered. */
  const keep = (bytes: Uint8Array): void => {
    if (isOversized || carried + bytes.length > maxLineBytes) {
      isOversized = true;
      carried = 0;
      return;
    }
    // One byte more for the line feed.
    if (carried + bytes.length + 1 > carry.length) {
      const larger = new Uint8Array(Math.max(carry.length * 2, carried + bytes.length + 1));
      larger.set(carry.subarray(0, carried));
      carry = larger;
    }
    carry.set(bytes, carried);
    carried += bytes.length;
  };
  const finishCarried = (): void => {
    if (isOversized) onOversizedLine();
    else {
      carry[carried] = LINE_FEED;
      onLines(carry, 0, carried + 1);
    }
    isOversized = false;
    carried = 0;
  };

  return {
    feed: (chunk) => {
      // A view of one class for all: the kernel would be slower with Buffer and Uint8Array by turns.
      const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      let from = 0;
      if (carried > 0 || isOversized) {
        const end = bytes.indexOf(LINE_FEED);
        keep(bytes.subarray(0, end < 0 ? bytes.length : end));
        if (end < 0) return;
        finishCarried();
        from = end + 1;
      }
      const to = bytes.lastIndexOf(LINE_FEED) + 1;
      if (to > from) onLines(bytes, from, to);
      const rest = Math.max(from, to);
      if (rest < bytes.length) keep(bytes.subarray(rest));
    },
    end: () => {
      if (carried > 0 || isOversized) finishCarried();
    },
    reset: () => {
      carried = 0;
      isOversized = false;
    },
  };
}
