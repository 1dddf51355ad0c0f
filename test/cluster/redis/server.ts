import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { freePort } from '../../interop/free-port.ts';
import { stopProcess } from '../stopped.ts';

const PROGRAM = '/usr/bin/redis-server';

/** The reason to skip tests that need redis-server; `false` if it is installed. */
export const noRedis: string | false = existsSync(PROGRAM)
  ? false
  : 'needs redis-server: apt-get install redis-server';

/** A redis-server with a folder and a port of its own. It can be killed, stopped and started again. */
export class RedisServer {
  readonly port: number;
  readonly #folder = mkdtempSync(join(tmpdir(), 'hawser-redis-'));
  readonly #extra: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(port: number, extra: readonly string[]) {
    this.port = port;
    this.#extra = extra;
  }

  /** Starts a server on a free port. @param extra Further arguments, such as `--appendonly yes`. */
  static async start(...extra: string[]): Promise<RedisServer> {
    for (let tries = 0; ; tries++) {
      const server = new RedisServer(await freePort(), extra);
      try {
        await server.run();
        return server;
      } catch (error) {
        // Another program may have taken the port meanwhile.
        await server.end();
        if (tries === 3) throw error;
      }
    }
  }

  /** Of the process that runs. */
  get pid(): number {
    return this.#child!.pid!;
  }

  async run(): Promise<void> {
    const args = ['--port', `${this.port}`, '--bind', '127.0.0.1', '--dir', this.#folder, '--save', ''];
    const child = spawn(PROGRAM, [...args, ...this.#extra], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child = child;
    let output = '';
    await new Promise<void>((resolve, reject) => {
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        if (output.includes('Ready to accept connections')) resolve();
      });
      child.once('exit', (code) => reject(new Error(`redis-server ended with ${code}: ${output}`)));
      child.once('error', reject);
    });
  }

  /** Ends the process at once; nothing is saved beyond what is on the disk. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child?.pid === undefined || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    process.kill(child.pid, 'SIGKILL');
    await exited;
  }

  /** The process stops, and its connections stay open. */
  pause(): Promise<void> {
    return stopProcess(this.#child!.pid!);
  }

  resume(): void {
    process.kill(this.#child!.pid!, 'SIGCONT');
  }

  /** Keeps a copy of the snapshot that was saved last, or puts it back. */
  keepSnapshot(): void {
    copyFileSync(join(this.#folder, 'dump.rdb'), join(this.#folder, 'old.rdb'));
  }

  restoreSnapshot(): void {
    copyFileSync(join(this.#folder, 'old.rdb'), join(this.#folder, 'dump.rdb'));
  }

  async end(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
