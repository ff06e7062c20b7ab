/** What happened to the program's own output. */
export interface OutputWatch {
  /** Resolves when all that was written to stdout is out; the sentence to say when some of it is lost. */
  readonly settled: () => Promise<string | undefined>;
}

/** What a program ends with whose reader went away: 128 + SIGPIPE, as other programs of a pipe do. */
const READER_GONE = 141;

/**
 * Listens to the two streams. Nobody reads stdout any more [`| head`]: the program ends quietly, a result that nobody
 * wants is no reason for a stack trace. Nobody reads stderr: the work goes on without its telling. A result that could
 * not be written [a full disk behind `>`] is told, because a cut result must not pass for a whole one.
 */
export function watchOutput(
  streams: { readonly stdout: NodeJS.WritableStream; readonly stderr: NodeJS.WritableStream },
  exit: (code: number) => void,
): OutputWatch {
  const { stdout, stderr } = streams;
  let failure: Error | undefined;
  stderr.on('error', () => undefined);
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') exit(READER_GONE);
    failure ??= error;
  });
  return {
    settled: async () => {
      // Errors are told after the write's own callback.
      await new Promise<void>((done) => void stdout.write('', () => setImmediate(done)));
      return failure && `the result could not be written whole: ${failure.message}. Nothing in the lake is lost.`;
    },
  };
}
