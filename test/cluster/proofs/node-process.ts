import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import type { RedisEngineOptions } from '../../../src/cluster/index.ts';
import type { HistoryRule } from '../../../src/index.ts';

/** What a node runs with; it must survive JSON. */
export interface ChildSettings {
  readonly redisPort: number;
  /** Index in the list of client libraries. */
  readonly client: number;
  readonly engine?: Omit<RedisEngineOptions, 'client'>;
  readonly history?: Partial<HistoryRule>;
}

/** What a node knows of itself. */
export interface NodeReport {
  /** Reads of histories. */
  readonly reads: number;
  /** How often the engine went down. */
  readonly downs: number;
  /** The engine came back since. */
  readonly isUp: boolean;
}

/** What a node says: its port once, then a report each time that its engine goes or comes, and when it is asked. */
export type ChildAnswer = { readonly port: number } | NodeReport;

/** A server in a process of its own. It can be killed, and replaced by another one. */
export class NodeProcess {
  readonly #settings: ChildSettings;
  #child: ChildProcess | undefined;
  #port: number | undefined;
  #report: NodeReport = { reads: 0, downs: 0, isUp: false };

  constructor(settings: ChildSettings) {
    this.#settings = settings;
  }

  /** Where it listens; `undefined` for a node that was killed. */
  get port(): number | undefined {
    return this.#port;
  }

  /** Starts a process. @throws Error if it ends before it listens. */
  async start(): Promise<void> {
    const child = fork(join(import.meta.dirname, 'server-child.js'), [JSON.stringify(this.#settings)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child = child;
    this.#port = await Promise.race([
      this.#portOf(child),
      once(child, 'exit').then(([code, signal]: unknown[]): never => {
        throw new Error(`a node ended with ${String(code ?? signal)}`);
      }),
    ]);
  }

  #portOf(child: ChildProcess): Promise<number> {
    return new Promise((resolve) => {
      child.on('message', (answer: ChildAnswer) => {
        if ('port' in answer) resolve(answer.port);
        else this.#report = answer;
      });
    });
  }

  /** The last report. */
  get report(): NodeReport {
    return this.#report;
  }

  /** Asks for a report. */
  async ask(): Promise<NodeReport> {
    const child = this.#child!;
    const answered = once(child, 'message');
    child.send('report');
    await answered;
    return this.#report;
  }

  /** Ends the process at once, as a crash does. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    this.#port = undefined;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    process.kill(child.pid, 'SIGKILL');
    await exited;
  }
}
