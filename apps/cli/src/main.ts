#!/usr/bin/env node
import { runCli } from './cli.js';
import { exitCodes } from './exit-codes.js';
import { processIo } from './io.js';
import { watchOutput } from './output.js';

const output = watchOutput(process, (code) => process.exit(code));
let ended: number | undefined;
// `runCli` listens on its own account. A signal that comes after it must not end the process in the signal's own way.
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    if (ended !== undefined) process.exit(ended);
  });
const code = await runCli(process.argv.slice(2), processIo());
ended = code;
const lost = await output.settled();
if (lost !== undefined) process.stderr.write(`error: ${lost}\n`);
// Idle sockets that are kept alive must not hold the process back.
process.exit(lost !== undefined && code === exitCodes.complete ? exitCodes.error : code);
