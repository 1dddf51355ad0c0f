import type { Message } from '../protocol/payload.ts';
import { indentedJson } from './indented-json.ts';
import { printable } from './lines.ts';

/** Most bytes of a binary message that a person is shown. */
const MAX_SHOWN_BYTES = 256;
const BYTES_A_LINE = 16;

/** A message for a program that reads our output: one line, and all of it. Binary is hex. */
export function messageLine(message: Message): string {
  return typeof message === 'string' ? printable(message) : message.toString('hex');
}

/** A message for a person: lines; JSON is indented, binary shown as bytes beside what they are as ASCII. */
export function messageLines(message: Message): string[] {
  if (typeof message === 'string') {
    return (indentedJson(message) ?? message).split(/\r?\n/).map(printable);
  }
  const lines = [`${message.length.toLocaleString('en-US')} ${message.length === 1 ? 'byte' : 'bytes'}`];
  const shown = message.subarray(0, MAX_SHOWN_BYTES);
  for (let at = 0; at < shown.length; at += BYTES_A_LINE)
    lines.push(dumpLine(shown.subarray(at, at + BYTES_A_LINE), at));
  const more = message.length - shown.length;
  if (more > 0) lines.push(`… and ${more.toLocaleString('en-US')} more`);
  return lines;
}

function dumpLine(bytes: Buffer, at: number): string {
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  const ascii = bytes.toString('latin1').replaceAll(/[^ -~]/g, '.');
  return `${at.toString(16).padStart(4, '0')}  ${hex.padEnd(BYTES_A_LINE * 3)} ${ascii}`;
}
