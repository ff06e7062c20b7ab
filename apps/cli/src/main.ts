#!/usr/bin/env node
import { runCli } from './cli.js';
import { processIo } from './io.js';

const code = await runCli(process.argv.slice(2), processIo());
// Idle sockets that are kept alive must not hold the process back.
process.exit(code);
