import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Resource usage of a process, as reported by the operating system. */
export interface ProcessUsage {
  /** CPU time of all threads since the start of the process, in µs. */
  readonly cpuMicros: number;
  readonly rssBytes: number;
}

/**
 * Reads the resource usage of a process: from `/proc`, with a resolution of 1 ns, otherwise from `ps`, with 10 ms.
 * @param pid A process id. `'self'` works only with `/proc`.
 * @returns `undefined` if the process does not exist, or the system has neither `/proc` nor `ps`.
 */
export function processUsage(pid: number | 'self'): ProcessUsage | undefined {
  try {
    return fromProc(`/proc/${pid}`);
  } catch {
    return pid === 'self' ? undefined : fromPs(pid);
  }
}

function fromProc(folder: string): ProcessUsage {
  let cpuMicros = 0;
  for (const thread of readdirSync(`${folder}/task`)) {
    try {
      cpuMicros +=
        Number(readFileSync(`${folder}/task/${thread}/schedstat`, 'latin1').split(' ', 1)[0]) / 1_000;
    } catch (error) {
      // Ignore a thread that ended after `readdir`. Any other error means that /proc has no such figures.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || thread === folder.slice(6)) throw error;
    }
  }
  const rssKib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`${folder}/status`, 'latin1'))?.[1];
  return { cpuMicros, rssBytes: Number(rssKib ?? 0) * 1_024 };
}

function fromPs(pid: number): ProcessUsage | undefined {
  try {
    return parsePs(execFileSync('ps', ['-o', 'rss=,time=', '-p', String(pid)], { encoding: 'latin1' }));
  } catch {
    return undefined;
  }
}

/** Parses the output of `ps -o rss=,time=`: KiB, and `[[days-]hours:]minutes:seconds[.hundredths]`. */
export function parsePs(text: string): ProcessUsage | undefined {
  const match = /^\s*(\d+)\s+(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)\s*$/.exec(text);
  if (match === null) return undefined;
  const [, rssKib, days = '0', hours = '0', minutes, seconds] = match;
  const hoursInAll = Number(days) * 24 + Number(hours);
  const cpuSeconds = (hoursInAll * 60 + Number(minutes)) * 60 + Number(seconds);
  return { cpuMicros: cpuSeconds * 1e6, rssBytes: Number(rssKib) * 1_024 };
}
