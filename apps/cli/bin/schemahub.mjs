#!/usr/bin/env node
// Stands beside dist/, so that the command is linked before the first build.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

// Before anything is imported that an old Node does not have. Beyond that the engines field of package.json says the same.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(
    `schemahub needs Node 20.19 or newer; this is ${process.versions.node}. Install a newer one: https://nodejs.org\n`,
  );
  process.exit(2);
}

const built = new URL('../dist/schemahub.mjs', import.meta.url);
if (!existsSync(fileURLToPath(built))) {
  process.stderr.write('schemahub is not built yet. In its checkout, run: npm start\n');
  process.exit(1);
}
await import(built.href);
