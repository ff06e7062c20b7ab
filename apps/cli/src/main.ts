#!/usr/bin/env node
import { runCli } from './cli.js';
import { exitCodes } from './exit-codes.js';
import { processIo } from './io.js';
import { watchOutput } from './output.js';

const output = watchOutput(process, (code) => process.exit(code));
const code = await runCli(process.argv.slice(2), processIo());
const lost = await output.settled();
if (lost !== undefined) process.stderr.write(`error: ${lost}\n`);
// Idle sockets that are kept alive must not hold the process back.
process.exit(lost !== undefined && code === exitCodes.complete ? exitCodes.error : code);
