import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/**
 * Names one process among all that ever ran on all hosts, so that a dead holder of a lock is told from a live one.
 * `kill(pid, 0)` alone is fooled by zombies and by pids that are used again; the start time is not.
 */
export interface ProcessIdentity {
  /** Boot id and pid namespace: processes of equal `host` can see each other. */
  readonly host: string;
  readonly pid: number;
  /** Start time of the process in clock ticks since boot (Linux, proc(5) field 22); empty elsewhere. */
  readonly startedAt: string;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined; // no such process, or a system without /proc
  }
}

/** State and start time from /proc/{pid}/stat; the command name between parentheses may hold anything. */
function statOf(pid: number): { state: string; startedAt: string } | undefined {
  const text = read(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', startedAt: fields[19] ?? '' };
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return ''; // not Linux
  }
}

/** The identity of this process. */
export function currentProcess(): ProcessIdentity {
  const boot = read('/proc/sys/kernel/random/boot_id') ?? hostname();
  return {
    host: `${boot} ${pidNamespace()}`.trim(),
    pid: process.pid,
    startedAt: statOf(process.pid)?.startedAt ?? '',
  };
}

/**
 * Whether the process is known to be gone: true only for a process of this host that has ended, is a zombie, or whose
 * pid was taken by another. False for every process of another host.
 */
export function isProcessGone(identity: ProcessIdentity, self: ProcessIdentity = currentProcess()): boolean {
  if (identity.host !== self.host) return false;
  const stat = statOf(identity.pid);
  if (stat !== undefined) return stat.state === 'Z' || stat.state === 'X' || stat.startedAt !== identity.startedAt;
  // No entry: gone, or hidden from us (proc mounted with hidepid). A signal tells these two apart.
  try {
    process.kill(identity.pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Reads an identity back from JSON; undefined when it is none. */
export function parseProcessIdentity(value: unknown): ProcessIdentity | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { host, pid, startedAt } = value as Record<string, unknown>;
  if (typeof host !== 'string' || typeof startedAt !== 'string' || !Number.isSafeInteger(pid)) return undefined;
  return { host, pid: pid as number, startedAt };
}
