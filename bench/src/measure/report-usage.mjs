// Loaded by `--import` into a process that is measured: CPU, memory of the whole process when it exits.
import { readFileSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

/** Bytes. `maxRSS` begins with that of the process that started this one (Linux keeps it over an exec). */
function peakMemory() {
  try {
    return Number(/^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}

if (isMainThread && process.env.BENCH_USAGE_FILE !== undefined) {
  process.on('exit', () => {
    const { userCPUTime, systemCPUTime } = process.resourceUsage();
    const usage = { userCPUTime, systemCPUTime, peakMemory: peakMemory() };
    writeFileSync(process.env.BENCH_USAGE_FILE, JSON.stringify(usage));
  });
}
