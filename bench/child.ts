import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import process from 'node:process';
import { createInterface } from 'node:readline';

/** Whether servers and load generator run on separate cores. */
export const pinned: boolean =
  availableParallelism() > 1 && spawnSync('taskset', ['-c', '0', 'true']).status === 0;

/** Cores of the servers and of the load generator. */
export const CORE = Object.freeze({ SERVER: 0, LOAD: 1 });

/** Timeout for an answer of a child; no measurement takes longer. */
const ANSWER_MS = 180_000;

/** A child process: it answers each line of JSON or text with a line of JSON, and exits when this process exits. */
export class Child {
  readonly #name: string;
  readonly #child: ChildProcess;
  /** Lines that `next()` has not returned yet. */
  readonly #lines: unknown[] = [];
  #waiting:
    | { readonly resolve: (line: unknown) => void; readonly reject: (error: Error) => void }
    | undefined;
  #ended: Error | undefined;

  constructor(name: string, core: number, command: readonly string[], env: Readonly<Record<string, string>>) {
    this.#name = name;
    const [program = '', ...args] = pinned ? ['taskset', '-c', String(core), ...command] : command;
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    });
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => this.#said(JSON.parse(line)));
    child.stdin.on('error', () => undefined);
    child.on('error', (error) => this.#end(error));
    child.on('exit', (code, signal) => this.#end(new Error(`${name} ended with ${code ?? signal}`)));
  }

  /** The process ID. With `taskset` it is that of the program, which `taskset` executes in its own process. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get alive(): boolean {
    return this.#ended === undefined;
  }

  /**
   * Waits for the next line.
   * @throws Error if the process exits first, or prints nothing within the timeout.
   */
  async next<Line>(): Promise<Line> {
    const said = this.#lines.shift();
    if (said !== undefined) return said as Line;
    if (this.#ended !== undefined) throw this.#ended;
    let timer: NodeJS.Timeout | undefined;
    try {
      return (await new Promise<unknown>((resolve, reject) => {
        this.#waiting = { resolve, reject };
        timer = setTimeout(
          () => reject(new Error(`${this.#name} did not answer for ${ANSWER_MS} ms`)),
          ANSWER_MS,
        );
      })) as Line;
    } finally {
      clearTimeout(timer);
      this.#waiting = undefined;
    }
  }

  say(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  ask<Answer>(question: string): Promise<Answer> {
    this.say(question);
    return this.next();
  }

  /** Kills the process and waits for its exit. */
  async kill(): Promise<void> {
    if (this.#ended !== undefined) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await gone;
  }

  #said(line: unknown): void {
    if (this.#waiting === undefined) this.#lines.push(line);
    else this.#waiting.resolve(line);
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#waiting?.reject(error);
  }
}
