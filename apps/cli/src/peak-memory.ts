import { readFileSync } from 'node:fs';

/**
 * Peak resident memory of this process, bytes. Linux hands `maxRSS` of the process that started us on to us, and a large
 * one would be told as ours; its status file counts from the exec on.
 */
export function peakMemoryBytes(): number {
  try {
    const kilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    if (kilobytes !== undefined) return Number(kilobytes) * 1024;
  } catch {
    // Not Linux: there the system does not inherit it.
  }
  return process.resourceUsage().maxRSS * 1024;
}
