import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';

/** A call of a function in a child process. */
export interface Call {
  readonly id: number;
  readonly call: string;
  readonly argument: unknown;
}
/** The answer: a value, or why there is none. */
export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

export interface PeerOptions {
  /** Flags of Node. */
  readonly execArgv?: readonly string[];
  /** A program that executes Node, with its arguments: `['ip', 'netns', 'exec', 'a']`. */
  readonly within?: readonly string[];
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Standard error of a child that its failure quotes. */
const QUOTED_CHARS = 2_000;

/** A program of this folder in a process of its own. It answers calls, and exits when this process exits. */
export class Peer {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #gone: Promise<void>;
  #ids = 0;
  #end: Error | undefined;
  #stderr = '';

  constructor(name: string, { execArgv = [], within = [] }: PeerOptions = {}) {
    this.name = name;
    const [program, ...args] = [
      ...within,
      process.execPath,
      ...execArgv,
      join(import.meta.dirname, `${name}.js`),
      String(process.pid),
    ];
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.#child = child;
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-QUOTED_CHARS);
    });
    child.on('message', (answer: Answer) => this.#answered(answer));
    this.#gone = new Promise((resolve) => {
      child.on('error', (error) => {
        this.#ended(error);
        resolve();
      });
      // After `exit`, standard error can still have text.
      child.on('close', (code, signal) => {
        this.#ended(new Error(`${name} ended with ${code ?? signal}: ${this.#stderr.trim()}`));
        resolve();
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isAlive(): boolean {
    return this.#end === undefined;
  }

  /** Resolves with what the child answers. @throws Error As a rejection: what the call threw, or how the child ended. */
  ask<Value>(call: string, argument: unknown = null): Promise<Value> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    const id = ++this.#ids;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as Waiting['resolve'], reject });
      this.#child.send({ id, call, argument } satisfies Call, (error) => {
        if (error !== null) this.#answered({ id, error: error.message });
      });
    });
  }

  /** Ends the process at once, as a crash does, and waits until it is gone. */
  async kill(): Promise<void> {
    if (this.isAlive) this.#child.kill('SIGKILL');
    await this.#gone;
  }

  #answered({ id, value, error }: Answer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(new Error(error));
  }

  #ended(error: Error): void {
    this.#end ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#end);
    this.#waiting.clear();
  }
}
