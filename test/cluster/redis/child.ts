import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import type { TestContext } from 'node:test';
import type { RedisServer } from './server.ts';

/** A server in a process of its own, which can be stopped and killed. */
export interface ServerProcess {
  /** Its node id. */
  readonly id: string;
  readonly signal: (name: NodeJS.Signals) => boolean;
}

/** Starts a server of the cluster as a process. It ends with the test. */
export async function serverProcess(t: TestContext, { port }: RedisServer): Promise<ServerProcess> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'server-child.js'), `${port}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { id: line.toString('utf8').trim(), signal: (name) => child.kill(name) };
}
