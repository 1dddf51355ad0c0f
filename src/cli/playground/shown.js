import { indentedJson } from '../indented-json.ts';
import { isSmall, isTopics } from './dom.js';

/** What an unfolded row shows of a message. */
export const MAX_CHARACTERS = 65_536;
const MAX_DUMP = 4_096;
const MAX_LINE = 300;
/** A text of this length fits in its row, also without unfolding. */
const short = () => (isSmall() ? 36 : 60);

/** A frame of hawser.v1; `undefined` for anything else. */
export function frameOf(text) {
  if (typeof text !== 'string' || text.length > MAX_CHARACTERS || !text.startsWith('{')) return undefined;
  try {
    const frame = JSON.parse(text);
    return typeof frame.op === 'string' ? frame : undefined;
  } catch {
    return undefined;
  }
}

const clipped = (text) =>
  text.length <= MAX_CHARACTERS
    ? text
    : `${text.slice(0, MAX_CHARACTERS)}\n… and ${(text.length - MAX_CHARACTERS).toLocaleString('en')} more characters`;
const indented = (text) => (text.length > MAX_CHARACTERS ? undefined : indentedJson(text));

/** Bytes as hex and as characters. @param width Bytes of a whole row, so that the characters stand below each other. */
function rowOfBytes(bytes, width = 0) {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  const characters = Array.from(bytes, (byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : '.'));
  return `${hex.padEnd(3 * width)}  ${characters.join('')}`;
}

function dump(bytes) {
  const lines = [];
  const width = isSmall() ? 8 : 16;
  for (let at = 0; at < Math.min(bytes.length, MAX_DUMP); at += width) {
    const row = bytes.subarray(at, Math.min(at + width, MAX_DUMP));
    lines.push(`${at.toString(16).padStart(4, '0')}  ${rowOfBytes(row, width)}`);
  }
  if (bytes.length > MAX_DUMP)
    lines.push(`… and ${(bytes.length - MAX_DUMP).toLocaleString('en')} more bytes`);
  return lines.join('\n');
}

const bytesOf = (data) =>
  data instanceof ArrayBuffer
    ? new Uint8Array(data)
    : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

function shownText(text) {
  if (text === '') return { type: 'text', line: '(empty text)' };
  const line = text.slice(0, MAX_LINE).replaceAll(/\s+/g, ' ');
  const pretty = indented(text);
  if (pretty !== undefined) return { type: 'JSON', line, more: pretty };
  return text === line && text.length <= short()
    ? { type: 'text', line }
    : { type: 'text', line, more: clipped(text) };
}

function shownBytes(bytes) {
  if (bytes.length === 0) return { type: 'binary', line: '(no bytes)' };
  const few = isSmall() ? 8 : 16;
  if (bytes.length <= few) return { type: 'binary', line: rowOfBytes(bytes) };
  return {
    type: 'binary',
    line: `${rowOfBytes(bytes.subarray(0, few))} …`,
    more: dump(bytes),
    isDump: true,
  };
}

function bytesOfBase64(text) {
  try {
    return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch {
    return undefined;
  }
}

/**
 * What the row of a message shows: its type, what it is about, one line, and what unfolds. A frame of hawser.v1 that carries a
 * message shows the message, and the frame when it is unfolded.
 */
export function shown(data) {
  const frame = isTopics() ? frameOf(data) : undefined;
  if (frame === undefined) return typeof data === 'string' ? shownText(data) : shownBytes(bytesOf(data));
  const { op, topic, offset, data: text, data64, ...others } = frame;
  if (typeof topic === 'string' && (typeof text === 'string' || typeof data64 === 'string')) {
    const about = offset === undefined ? topic : `${topic}:${offset}`;
    const bytes = typeof text === 'string' ? undefined : bytesOfBase64(data64);
    if (typeof text === 'string' || bytes !== undefined) {
      const { more, ...view } = bytes === undefined ? shownText(text) : shownBytes(bytes);
      return { ...view, more: more ?? text, type: op, about, raw: indented(data) };
    }
  }
  const fields = { ...others, topic, offset, data: text, data64 };
  const line = JSON.stringify(fields);
  return line === '{}' ? { type: op, line: '' } : { type: op, line, more: indented(data) };
}

/** Whether a frame carries a message, and not only an operation of hawser.v1. */
export const isMessage = (data) =>
  !isTopics() || typeof data !== 'string' || /^\{"op":"(?:message|publish)"/.test(data);
