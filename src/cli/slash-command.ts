import { Buffer } from 'node:buffer';
import { wholeNumber } from './flags.ts';

/** A typed line, parsed. */
export type TypedLine =
  | { readonly does: 'text'; readonly text: string }
  | { readonly does: 'binary'; readonly bytes: Buffer }
  | { readonly does: 'ping'; readonly payload: string }
  | { readonly does: 'close'; readonly code: number; readonly reason: string }
  | { readonly does: 'quit' | 'help' }
  /** The line is invalid; `why` is one sentence. */
  | { readonly does: 'nothing'; readonly why: string };

/** The lines of `/help`. */
export const TYPED_HELP: readonly (readonly [typed: string, does: string])[] = [
  ['text', 'sends the line as a text message'],
  ['//text', 'sends /text'],
  ['/binary <hex>', 'sends a binary message, as in /binary 48 65 6c 6c 6f'],
  ['/ping [text]', 'sends a ping and shows the round-trip time of its pong'],
  ['/close [code] [reason]', 'starts the closing handshake; code 1000 unless given'],
  ['/quit', 'closes with 1000 and exits, as does Ctrl-D'],
];

/** Parses hex digits, with or without spaces; `undefined` for anything else. */
export function bytesOfHex(text: string): Buffer | undefined {
  const digits = text.replaceAll(/\s/g, '');
  return /^(?:[\da-f]{2})*$/i.test(digits) ? Buffer.from(digits, 'hex') : undefined;
}

/** Parses a typed line, without its line end. */
export function readTypedLine(line: string): TypedLine {
  if (!line.startsWith('/')) return { does: 'text', text: line };
  if (line.startsWith('//')) return { does: 'text', text: line.slice(1) };
  const [, name = '', rest = ''] = /^\/(\S*)\s*(.*)$/su.exec(line) ?? [];
  switch (name) {
    case 'binary': {
      const bytes = bytesOfHex(rest);
      if (bytes !== undefined) return { does: 'binary', bytes };
      return { does: 'nothing', why: '/binary takes an even number of hex digits, as in /binary 48 65 6c' };
    }
    case 'ping':
      return { does: 'ping', payload: rest };
    case 'close':
      return closeOf(rest);
    case 'quit':
    case 'help':
      return { does: name };
    default:
      return {
        does: 'nothing',
        why: `there is no command /${name}; /help lists the commands, and //${name} sends the text /${name}`,
      };
  }
}

function closeOf(rest: string): TypedLine {
  const [, first = '', reason = ''] = /^(\S*)\s*(.*)$/su.exec(rest) ?? [];
  if (first === '') return { does: 'close', code: 1000, reason: '' };
  const code = wholeNumber(first);
  if (code === undefined)
    return { does: 'nothing', why: `/close needs a code before the reason, as in /close 1000 ${rest}` };
  return { does: 'close', code, reason };
}
