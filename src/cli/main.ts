#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import process from 'node:process';
import { type CommandIo, EXIT } from './command.ts';
import { runCommandLine } from './commands.ts';

const interrupt = new AbortController();
const interrupted = (): void => {
  if (interrupt.signal.aborted) process.exit(EXIT.INTERRUPTED);
  interrupt.abort();
};
process.on('SIGINT', interrupted);
process.on('SIGTERM', interrupted);
// On Windows this says that the terminal was closed; the system ends the process 10 s later.
const isWindows = process.platform === 'win32';
if (isWindows) process.on('SIGHUP', interrupted);

// The reader of standard output may close it early: `hawser … | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? EXIT.DONE : EXIT.FAILED);
});
process.stderr.on('error', () => undefined);

const { version } = JSON.parse(readFileSync(new URL(import.meta.resolve('hawser/package.json')), 'utf8')) as {
  readonly version: string;
};

/** As the XDG Base Directory Specification says; on Windows, where programs keep data that belongs to one machine. */
function stateFolder(): string | undefined {
  const { env, platform } = process;
  const named = platform === 'win32' ? env['LOCALAPPDATA'] : env['XDG_STATE_HOME'];
  if (named !== undefined && isAbsolute(named)) return join(named, 'hawser');
  const home = homedir();
  return isAbsolute(home) ? join(home, '.local', 'state', 'hawser') : undefined;
}

/** Terminals show Unicode today, except the text console of Linux, and those whose locale names another encoding. */
function hasUnicode(): boolean {
  const { env, platform } = process;
  if (platform === 'win32') return true;
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '';
  const isOther = locale !== '' && !/utf-?8/i.test(locale);
  return env['TERM'] !== 'linux' && env['TERM'] !== 'dumb' && !isOther;
}

const noColour = (process.env['NO_COLOR'] ?? '') !== '';
const { stdout } = process;
const io: CommandIo = {
  out: (line) => void stdout.write(`${line}\n`),
  outDrained: () =>
    stdout.writableNeedDrain ? new Promise((resolve) => stdout.once('drain', resolve)) : Promise.resolve(),
  // A getter, because accessing `process.stdin` opens it; only commands that read may do so.
  get input() {
    return process.stdin;
  },
  get terminal() {
    const { stdin } = process;
    return stdin.isTTY && stdout.isTTY ? { input: stdin, output: stdout, hasColours: !noColour } : undefined;
  },
  err: (line) => void process.stderr.write(`${line}\n`),
  status: (line) => {
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${line}`);
  },
  errIsTerminal: process.stderr.isTTY,
  errHasColours: process.stderr.isTTY && !noColour,
  hasUnicode: hasUnicode(),
  variable: (name) => process.env[name],
  variableNames: () => Object.keys(process.env),
  get stateFolder() {
    return stateFolder();
  },
  script: process.argv[1]!,
  workingFolder: process.cwd(),
  versions: { hawser: version, node: process.versions.node },
  interrupted: interrupt.signal,
  onExit: (listener) => {
    process.on('exit', listener);
    return () => void process.off('exit', listener);
  },
  onHangUp: (listener) => {
    if (isWindows) return () => undefined;
    process.on('SIGHUP', listener);
    return () => void process.off('SIGHUP', listener);
  },
};

process.exitCode = await runCommandLine(process.argv.slice(2), io, version);
// The command is done: restore the default signal handling.
process.off('SIGINT', interrupted);
process.off('SIGTERM', interrupted);
process.off('SIGHUP', interrupted);
