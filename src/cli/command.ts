import type { Readable, Writable } from 'node:stream';

/** A person at a terminal: what is typed comes from `input`, and `output` is where lines are edited. */
export interface Terminal {
  readonly input: Readable;
  readonly output: Writable;
  /** Whether it takes colours: `NO_COLOR` is not set. */
  readonly hasColours: boolean;
}

/** What a command reaches the outside by. `main.ts` has the one that is the process; tests have their own. */
export interface CommandIo {
  /** Results: whole lines, to standard output. */
  out(line: string): void;
  /** Resolves when whoever reads standard output has room for more. */
  outDrained(): Promise<void>;
  /** Standard input. Nobody reads it until a command does. */
  readonly input: Readable;
  /** There if both standard input and standard output are a terminal. */
  readonly terminal: Terminal | undefined;
  /** Everything else: whole lines, to standard error. */
  err(line: string): void;
  /** Shows a line at the bottom of the terminal, in place of the one before; an empty one takes it away. Only there. */
  status(line: string): void;
  /** Whether a person looks at standard error. */
  readonly errIsTerminal: boolean;
  /** Whether standard error takes colours: a terminal, and `NO_COLOR` is not set. */
  readonly errHasColours: boolean;
  /** Of what is running, for reports. */
  readonly versions: { readonly hawser: string; readonly node: string };
  /** Aborted by the first SIGINT or SIGTERM. */
  readonly interrupted: AbortSignal;
  /** Calls `listener` at every SIGHUP, where the system has it. @returns Ends that. */
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
   * @throws UsageError for arguments that cannot be meant; CommandError for what went wrong.
   */
  run(args: readonly string[], io: CommandIo): Promise<number>;
}

/** The command line was wrong: exit 2. The message is one sentence that names the flag and its value. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The run failed in a way that a sentence explains: exit 1. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  /** Printed after the sentence, line by line; already escaped. */
  readonly details: readonly string[];

  constructor(message: string, options?: ErrorOptions & { readonly details?: readonly string[] }) {
    super(message, options);
    this.details = options?.details ?? [];
  }
}
