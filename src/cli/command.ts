import type { Readable, Writable } from 'node:stream';

/** An interactive terminal: keys come from `input`, and lines are edited on `output`. */
export interface Terminal {
  readonly input: Readable;
  readonly output: Writable;
  /** Whether colours are allowed: `NO_COLOR` is not set. */
  readonly hasColours: boolean;
}

/** The environment of a command. `main.ts` implements it with the process; tests implement it in memory. */
export interface CommandIo {
  /** Results: whole lines, to standard output. */
  out(line: string): void;
  /** Resolves when standard output accepts more data. */
  outDrained(): Promise<void>;
  /** Standard input. Not read until a command reads it. */
  readonly input: Readable;
  /** Present if both standard input and standard output are a terminal. */
  readonly terminal: Terminal | undefined;
  /** Errors, warnings and progress: whole lines, to standard error. */
  err(line: string): void;
  /** Replaces the status line at the bottom of a terminal; an empty text removes it. No effect without a terminal. */
  status(line: string): void;
  /** Whether standard error is a terminal. */
  readonly errIsTerminal: boolean;
  /** Whether standard error allows colours: it is a terminal, and `NO_COLOR` is not set. */
  readonly errHasColours: boolean;
  /** Whether a terminal here shows block characters and arrows. */
  readonly hasUnicode: boolean;
  /** A variable of the environment; `undefined` if it is not set. */
  variable(name: string): string | undefined;
  /** Names of all variables of the environment. */
  variableNames(): readonly string[];
  /** Folder for what is kept between runs; it may not exist yet. `undefined` if the system names none. */
  readonly stateFolder: string | undefined;
  /** Path of the program, for processes that run it again. */
  readonly script: string;
  /** The working directory. */
  readonly workingFolder: string;
  /** Versions of Hawser and Node, for reports. */
  readonly versions: { readonly hawser: string; readonly node: string };
  /** Aborted by the first SIGINT or SIGTERM. */
  readonly interrupted: AbortSignal;
  /**
   * Calls `listener` when the process ends, also after a second SIGINT and after an uncaught error.
   * @returns A function that removes the listener.
   */
  onExit(listener: () => void): () => void;
  /** Calls `listener` at every SIGHUP, if the system has it. @returns A function that removes the listener. */
  onHangUp(listener: () => void): () => void;
}

/** Exit codes of every command. */
export const EXIT = Object.freeze({ DONE: 0, FAILED: 1, USAGE: 2, CHECK_FAILED: 3, INTERRUPTED: 130 });

export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  help(): string;
  /**
   * @returns Exit code; see {@link EXIT}.
   * @throws UsageError for invalid arguments; CommandError for an expected failure.
   */
  run(args: readonly string[], io: CommandIo): Promise<number>;
}

/** The command line was wrong: exit 2. The message is one sentence that names the flag and its value. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The run failed for an expected reason: exit 1. The message is one sentence. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  /** Lines to print after the message. Control characters are already escaped. */
  readonly details: readonly string[];

  constructor(message: string, options?: ErrorOptions & { readonly details?: readonly string[] }) {
    super(message, options);
    this.details = options?.details ?? [];
  }
}
