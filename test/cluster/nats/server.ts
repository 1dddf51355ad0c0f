import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { freePort } from '../../interop/free-port.ts';
import { stopProcess } from '../stopped.ts';

const PROGRAM = '/usr/sbin/nats-server';

/** The reason to skip tests that need nats-server; `false` if it is installed. */
export const noNats: string | false = existsSync(PROGRAM)
  ? false
  : 'needs nats-server: apt-get install nats-server';

/** A nats-server with a folder and a port of its own. It can be killed, stopped and started again. */
export class NatsServer {
  readonly port: number;
  readonly #folder = mkdtempSync(join(tmpdir(), 'hawser-nats-'));
  readonly #config: string;
  #output = '';
  #child: ChildProcess | undefined;

  private constructor(port: number, config: string) {
    this.port = port;
    this.#config = join(this.#folder, 'server.conf');
    writeFileSync(this.#config, config);
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  /** Starts a server on a free port. @param config Lines of its configuration, such as `max_payload: 1024`. */
  static async start(config = ''): Promise<NatsServer> {
    for (let tries = 0; ; tries++) {
      const server = new NatsServer(await freePort(), config);
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

  async run(): Promise<void> {
    const args = ['-a', '127.0.0.1', '-p', `${this.port}`, '-c', this.#config];
    const child = spawn(PROGRAM, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    this.#output = '';
    await new Promise<void>((resolve, reject) => {
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
        if (this.#output.includes('Server is ready')) resolve();
      });
      child.once('exit', (code) => reject(new Error(`nats-server ended with ${code}: ${this.#output}`)));
      child.once('error', reject);
    });
  }

  /** Whether the log of the server has a text. */
  said(text: string): boolean {
    return this.#output.includes(text);
  }

  /** The port for other servers, of one whose configuration has a cluster. */
  routePort(): number {
    return Number(/Listening for route connections on 127\.0\.0\.1:(\d+)/.exec(this.#output)![1]);
  }

  /** Ends the process at once. */
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

  async end(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
