import type { Message } from '../index.ts';
import { printable } from '../protocol/index.ts';
import { hexDump } from './hex-dump.ts';
import { indentedJson } from './indented-json.ts';

/** Maximum bytes of a binary message shown on a terminal. */
const MAX_SHOWN_BYTES = 256;
/** Maximum characters of a text message shown on a terminal; a longer message is cut and not indented. */
const MAX_SHOWN_CHARACTERS = 65_536;

/** A message for programs that read the output: the whole message as one line, binary as hex. */
export function messageLine(message: Message): string {
  return typeof message === 'string' ? printable(message) : message.toString('hex');
}

/** A message for a terminal: JSON indented, binary as a dump of hex and ASCII, long messages cut. */
export function messageLines(message: Message): string[] {
  if (typeof message === 'string') return textLines(message);
  const shown = message.subarray(0, MAX_SHOWN_BYTES);
  const size = `${message.length.toLocaleString('en-US')} ${message.length === 1 ? 'byte' : 'bytes'}`;
  const lines = [size, ...hexDump(shown)];
  const more = message.length - shown.length;
  if (more > 0) lines.push(`… and ${more.toLocaleString('en-US')} more`);
  return lines;
}

function textLines(text: string): string[] {
  const hidden = text.length - MAX_SHOWN_CHARACTERS;
  if (hidden <= 0) return (indentedJson(text) ?? text).split(/\r?\n/).map(printable);
  const lines = text.slice(0, MAX_SHOWN_CHARACTERS).split(/\r?\n/).map(printable);
  const characters = hidden === 1 ? 'character' : 'characters';
  return [
    ...lines,
    `… and ${hidden.toLocaleString('en-US')} more ${characters}; --json, or output to a pipe, shows all of it`,
  ];
}
