import { spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import type { TestContext } from 'node:test';

/** A server in a process of its own, which can be stopped and killed. */
export interface ServerProcess {
  /** Its node id. */
  readonly id: string;
  readonly exited: Promise<unknown>;
  readonly signal: (name: NodeJS.Signals) => boolean;
}

/**
 * Starts a server of the cluster as a process. It ends with the test.
 * @param script Prints the node id of its server.
 * @param argument Of the script.
 */
export async function serverProcess(
  t: TestContext,
  script: string,
  argument: string,
): Promise<ServerProcess> {
  const child = spawn(process.execPath, [script, argument], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  const printed = await Promise.race([once(child.stdout, 'data'), exited]);
  const end = child.exitCode ?? child.signalCode;
  if (end !== null) throw new Error(`${script} ended with ${end}`);
  return { id: String(printed[0]).trim(), exited, signal: (name) => child.kill(name) };
}
