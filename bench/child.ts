import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import process from 'node:process';
import { createInterface } from 'node:readline';

/** Whether servers and load can have a core each. */
export const pinned: boolean =
  availableParallelism() > 1 && spawnSync('taskset', ['-c', '0', 'true']).status === 0;

/** Cores of the servers and of the load generator. */
export const CORE = Object.freeze({ SERVER: 0, LOAD: 1 });

/** No answer of a child takes longer, whatever it measures. */
const ANSWER_MS = 180_000;

/** A process of the benchmark: it takes lines of JSON or text, answers each with a line of JSON, and ends with us. */
export class Child {
  readonly #name: string;
  readonly #child: ChildProcess;
  /** Lines that nobody has asked for yet. */
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

  /** Of the process itself: `taskset` becomes what it starts. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get alive(): boolean {
    return this.#ended === undefined;
  }

  /**
   * The next line.
   * @throws Error if the process ends instead, or says nothing for minutes.
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

  /** Ends it, and waits until it is gone. */
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
