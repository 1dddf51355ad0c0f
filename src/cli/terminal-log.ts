import { jsonLine } from './json.ts';
import type { Clock, Logger, LogFields } from '../index.ts';
import { printable } from '../protocol/index.ts';
import type { CommandIo } from './command.ts';

type Level = keyof Logger;
const COLOURS: Readonly<Record<Level, string>> = { debug: '2', info: '36', warn: '33', error: '31' };

/** The fields of an error, for logs that programs read. */
function plain(value: unknown): unknown {
  return value instanceof Error
    ? { name: value.name, message: value.message, ...('code' in value ? { code: value.code } : {}) }
    : value;
}

/**
 * A logger to standard error: text on a terminal, JSON otherwise.
 * @param debug Whether to include level `debug` and error stacks.
 */
export function terminalLog(io: CommandIo, clock: Pick<Clock, 'wallNow'>, debug: boolean): Logger {
  const asJson = (level: Level, fields: LogFields, text: string): string => {
    const entries = Object.entries(fields).map(([name, value]) => [name, plain(value)]);
    const time = new Date(clock.wallNow()).toISOString();
    return jsonLine({ time, level, text, ...Object.fromEntries(entries) });
  };
  const asText = (level: Level, fields: LogFields, text: string): string => {
    const time = new Date(clock.wallNow()).toISOString().slice(11, 23);
    const details = Object.entries(fields)
      .filter(([, value]) => value !== undefined && value !== '')
      .map(([name, value]) => `${name}=${shown(value)}`);
    const label = level.padEnd(5);
    const coloured = io.errHasColours ? `\u001b[${COLOURS[level]}m${label}\u001b[0m` : label;
    return [time, coloured, printable(text), ...details].join(' ');
  };
  const write = (level: Level, fields: LogFields, text: string): void => {
    io.err((io.errIsTerminal ? asText : asJson)(level, fields, text));
    const error = fields['err'];
    if (debug && error instanceof Error && error.stack !== undefined) io.err(error.stack);
  };
  return {
    debug: (fields, text) => {
      if (debug) write('debug', fields, text);
    },
    info: (fields, text) => write('info', fields, text),
    warn: (fields, text) => write('warn', fields, text),
    error: (fields, text) => write('error', fields, text),
  };
}

function shown(value: unknown): string {
  if (value instanceof Error) return printable(JSON.stringify(value.message));
  if (typeof value === 'string')
    return printable(/^[\w./:@[\]-]+$/.test(value) ? value : JSON.stringify(value));
  return printable(JSON.stringify(value) ?? String(value));
}
