import { readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';
import { eventLoopTurns } from '../../src/testing/index.ts';

const isStopped = (pid: number): boolean =>
  readdirSync(`/proc/${pid}/task`).every((thread) =>
    /\) [Tt] /.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8')),
  );

/** Stops a process with SIGSTOP. On Linux, resolves when none of its threads runs. */
export async function stopProcess(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  if (process.platform === 'linux') while (!isStopped(pid)) await eventLoopTurns(1);
}
