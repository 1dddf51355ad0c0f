import assert from 'node:assert/strict';
import { join } from 'node:path';
import process from 'node:process';
import { PassThrough } from 'node:stream';
import { waitUntil } from '../../src/testing/index.ts';
import type { CommandIo, Terminal } from '../../src/cli/command.ts';
import { runCommandLine } from '../../src/cli/commands.ts';

/** A `CommandIo` in memory: keeps the printed lines, and simulates input and signals. */
export interface FakeIo extends CommandIo {
  readonly outLines: string[];
  readonly errLines: string[];
  /** Every text that the status line showed, in order. */
  readonly statusLines: string[];
  /** Standard input: typed or piped text. End it to simulate EOF. */
  readonly input: PassThrough;
  /** The environment. */
  readonly variables: Map<string, string>;
  /** Simulates SIGINT. */
  interrupt(): void;
  /** Simulates SIGHUP. */
  hangUp(): void;
}

/**
 * @param terminal Whether standard error is a terminal.
 * @param typing Makes standard input and output a terminal.
 */
export function fakeIo(terminal = false, typing?: Omit<Terminal, 'input'>): FakeIo {
  const abort = new AbortController();
  const outLines: string[] = [];
  const errLines: string[] = [];
  const statusLines: string[] = [];
  const variables = new Map<string, string>();
  const hangUps = new Set<() => void>();
  const input = new PassThrough();
  return {
    input,
    terminal: typing === undefined ? undefined : { ...typing, input },
    outDrained: () => Promise.resolve(),
    outLines,
    errLines,
    statusLines,
    out: (line) => void outLines.push(line),
    err: (line) => void errLines.push(line),
    status: (line) => void statusLines.push(line),
    errIsTerminal: terminal,
    errHasColours: terminal,
    hasUnicode: true,
    variable: (name) => variables.get(name),
    variableNames: () => [...variables.keys()],
    variables,
    stateFolder: undefined,
    script: join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.js'),
    workingFolder: process.cwd(),
    versions: { hawser: '0.0.0', node: '0.0.0' },
    interrupted: abort.signal,
    interrupt: () => abort.abort(),
    // The process of a test does not end in the middle of a command.
    onExit: () => () => undefined,
    onHangUp: (listener) => {
      hangUps.add(listener);
      return () => void hangUps.delete(listener);
    },
    hangUp: () => hangUps.forEach((listener) => listener()),
  };
}

/** A server that `hawser serve` runs in this process. */
export interface Served {
  readonly io: FakeIo;
  readonly url: URL;
  readonly port: number;
  /** The events printed with `--json`: those of one name, or all. */
  events(name?: string): Record<string, unknown>[];
  /** Waits for an event of a name. */
  event(name: string): Promise<Record<string, unknown>>;
  /** Simulates SIGTERM. @returns The exit code. */
  stop(): Promise<number>;
}

/** Runs `hawser serve` with flags, on a free port unless they name one, and waits for its URL. `io` is its environment. */
export async function served(...args: (string | { readonly io: FakeIo })[]): Promise<Served> {
  const flags = args.filter((arg) => typeof arg === 'string');
  const { io } = args.find((arg) => typeof arg === 'object') ?? { io: fakeIo() };
  const port = flags.includes('--port') ? [] : ['--port', '0'];
  const exit = runCommandLine(['serve', ...port, ...flags], io, '0.0.0');
  const urlOf = (): string | undefined => /\b(?:ws|http)s?:\/\/[^\s"]+/.exec(io.outLines.join('\n'))?.[0];
  await Promise.race([waitUntil(urlOf, { deadlineMs: 60_000, description: 'the URL' }), exit]);
  const url = new URL(urlOf() ?? assert.fail(io.errLines.join('\n')));
  const events = (name?: string): Record<string, unknown>[] =>
    io.outLines
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ event }) => name === undefined || event === name);
  return {
    io,
    url,
    port: Number(url.port),
    events,
    event: async (name) => (await waitUntil(() => events(name)[0])) ?? assert.fail(name),
    stop: () => {
      io.interrupt();
      return exit;
    },
  };
}
