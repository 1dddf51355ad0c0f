import { readdirSync, readFileSync } from 'node:fs';

/** CPU time of all threads of a process since its start, in µs, from `/proc`. A thread that ended is missing. */
export function cpuMicros(pid: number): number {
  let sum = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      sum += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ', 1)[0]) / 1_000;
    } catch (error) {
      if (thread === String(pid)) throw error;
    }
  }
  return sum;
}
