import type { Invocation } from './command.js';
import { commandTable } from './command-table.js';
import { exitCodes } from './exit-codes.js';
import { explainError } from './explain-error.js';
import type { Io } from './io.js';
import { parseCommandLine } from './program.js';
import { noTelemetry, openTelemetry } from './telemetry.js';
import { version } from './version.js';

/** Turns the first signal into a clean stop and the second into an immediate end. */
function listenForSignals(ioOf: () => Io): {
  readonly stop: AbortSignal;
  readonly code: () => number;
  readonly end: () => void;
} {
  const controller = new AbortController();
  let code: number = exitCodes.interrupted;
  const onSignal = (signal: NodeJS.Signals): void => {
    code = signal === 'SIGTERM' ? exitCodes.terminated : exitCodes.interrupted;
    if (controller.signal.aborted) process.exit(code);
    // Whoever draws in place takes the drawing away first.
    controller.abort(new Error(`stopped by ${signal}`));
    ioOf().err(`\n${signal}: stopping; what is fetched is being written. Once more stops at once.\n`);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  const end = (): void => {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  };
  return { stop: controller.signal, code: () => code, end };
}

/** Runs one command line and returns its exit code. Never throws: every error becomes a sentence on stderr. */
export async function runCli(argv: readonly string[], processIo: Io): Promise<number> {
  let io = processIo;
  const signals = listenForSignals(() => io);
  let telemetry = noTelemetry;
  let command = '';
  const ended = async (code: number): Promise<number> => {
    await telemetry.end(command, code);
    return code;
  };
  try {
    if (argv[0] === 'complete' && argv[1] === '--') {
      const { answerCompletion } = await import('./completions.js');
      await answerCompletion(commandTable, argv.slice(2));
      return exitCodes.complete;
    }
    const result = await parseCommandLine(argv, io, version);
    if (result.kind === 'end') return result.code;
    const { spec, args, flags } = result.parsed;
    const { loadConfig } = await import('@schemahub/runtime/config');
    const config = await loadConfig({ flags, environment: io.environment, folder: io.folder });
    if (config.text('log-format') === 'json') {
      const { createJsonIo } = await import('./json-io.js');
      io = createJsonIo(processIo);
    }
    command = spec.name;
    telemetry = await openTelemetry(config, io);
    const { run } = await spec.load();
    const invocation: Invocation = {
      command: spec.name,
      commands: commandTable,
      args,
      flags,
      config,
      io,
      json: flags.json === true,
      quiet: flags.quiet === true,
      verbose: flags.verbose === true,
      dryRun: flags['dry-run'] === true,
      stop: signals.stop,
      stopCode: signals.code,
      telemetry,
    };
    const code = await run(invocation);
    return await ended(signals.stop.aborted ? signals.code() : code);
  } catch (error) {
    if (signals.stop.aborted) return await ended(signals.code());
    const { sentence, code } = explainError(error);
    io.err(`${io.style('red', 'error:')} ${sentence}\n`);
    if (flagsWantStack(argv)) io.err(`${error instanceof Error ? (error.stack ?? '') : ''}\n`);
    return await ended(code);
  } finally {
    signals.end();
  }
}

function flagsWantStack(argv: readonly string[]): boolean {
  return argv.includes('--verbose') || argv.includes('-v');
}
