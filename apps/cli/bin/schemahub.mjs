#!/usr/bin/env node
// Stands beside dist/, so that the command is linked before the first build.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const built = new URL('../dist/schemahub.mjs', import.meta.url);
if (!existsSync(fileURLToPath(built))) {
  process.stderr.write('schemahub is not built yet. In its checkout, run: npm start\n');
  process.exit(1);
}
await import(built.href);
