import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import process from 'node:process';
import { freePort } from '../interop/free-port.ts';
import { stopProcess } from './stopped.ts';

/** How a {@link BrokerProcess} is run. */
interface BrokerProgram {
  readonly path: string;
  readonly args: readonly string[];
  /** What its output contains when clients can connect. */
  readonly readyText: string;
}

/** The process of a broker, with a folder and a port of its own. It can be killed, stopped and started again. */
export abstract class BrokerProcess {
  readonly port: number;
  protected readonly folder: string = mkdtempSync(join(tmpdir(), 'hawser-broker-'));
  /** Of the process that was started last. */
  protected output = '';
  #child: ChildProcess | undefined;

  protected constructor(port: number) {
    this.port = port;
  }

  protected abstract get program(): BrokerProgram;

  /** Starts a broker on a free port. */
  protected static async startOn<Broker extends BrokerProcess>(
    brokerOf: (port: number) => Broker,
  ): Promise<Broker> {
    for (let tries = 0; ; tries++) {
      const broker = brokerOf(await freePort());
      try {
        await broker.run();
        return broker;
      } catch (error) {
        // Another program may have taken the port meanwhile.
        await broker.end();
        if (tries === 3) throw error;
      }
    }
  }

  /** Of the process that runs. */
  get pid(): number {
    return this.#child!.pid!;
  }

  async run(): Promise<void> {
    const { path, args, readyText } = this.program;
    const child = spawn(path, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    this.output = '';
    await new Promise<void>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (text: string) => {
          this.output += text;
          if (this.output.includes(readyText)) resolve();
        });
      child.once('exit', (code) => reject(new Error(`${basename(path)} ended with ${code}: ${this.output}`)));
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
    return stopProcess(this.pid);
  }

  resume(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  async end(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
