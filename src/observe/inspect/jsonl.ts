import { Buffer } from 'node:buffer';
import { FIN, LENGTH_16, LENGTH_64, MASK_BIT, type Role } from '../../protocol/constants.ts';
import { ERRORS, MisuseError, type PeerErrorCode } from '../../protocol/errors.ts';
import { minimalLengthBits, type WireFrame } from './frame-dissector.ts';
import type { Violation } from './model.ts';

/** The first line of a connection. */
export interface BeginLine {
  readonly is: 'begin';
  readonly id: string;
  readonly protocol: string;
  readonly extensions: string;
  readonly role: Role;
  readonly openedAt: string;
  /** Whether the capture has every frame from the first one on. */
  readonly isWhole: boolean;
}

/** A line of a capture in `jsonl`. */
export type CaptureLine =
  | BeginLine
  | {
      readonly is: 'frame';
      readonly id: string;
      readonly timeMs: number;
      readonly dir: 'in' | 'out';
      readonly frame: WireFrame;
    }
  | {
      readonly is: 'violation';
      readonly id: string;
      readonly dir: 'in' | 'out';
      readonly violation: Violation;
    }
  | {
      readonly is: 'unfinished';
      readonly id: string;
      readonly timeMs: number;
      readonly dir: 'in' | 'out';
      /** The bytes of the header that had arrived. */
      readonly header: Buffer;
    }
  | { readonly is: 'close'; readonly id: string; readonly timeMs: number; readonly close: CloseFields }
  | { readonly is: 'dropped'; readonly records: number }
  | { readonly is: 'end'; readonly reason: string };

/** How a connection ended, as captured. */
export interface CloseFields {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
  readonly cause: string;
  readonly error?: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** Whether a file is a capture in `jsonl`. */
export function isJsonl(text: string): boolean {
  return /^\s*\{/.test(text);
}

/**
 * Reads a capture in `jsonl`. Lines of unknown kinds are skipped.
 * @throws MisuseError `ERR_ARGUMENT` that names the first line that cannot be read, except an incomplete last one.
 */
export function* readJsonl(text: string): IterableIterator<CaptureLine> {
  let number = 0;
  let at = 0;
  while (at < text.length) {
    const end = text.indexOf('\n', at);
    const line = text.slice(at, end < 0 ? undefined : end).trim();
    at = end < 0 ? text.length : end + 1;
    number++;
    if (line === '') continue;
    const fields = parsed(line, number, end < 0);
    // A process that was killed leaves half a line.
    if (fields === undefined) return;
    const read = lineOf(fields, number);
    if (read !== undefined) yield read;
  }
}

function parsed(line: string, number: number, isLast: boolean): Fields | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  } catch {
    if (isLast && number > 1) return undefined;
  }
  throw new MisuseError('ERR_ARGUMENT', `line ${number} of the capture is not a JSON object`);
}

function lineOf(fields: Fields, number: number): CaptureLine | undefined {
  const reader = new LineReader(fields, number);
  if ('end' in fields) return { is: 'end', reason: reader.text('end') };
  if ('dropped' in fields) return { is: 'dropped', records: reader.count('dropped') };
  if (!('id' in fields)) return undefined;
  const id = reader.text('id');
  if ('capture' in fields) return reader.begin(id);
  if ('close' in fields) return { is: 'close', id, timeMs: reader.time(), close: reader.close() };
  if ('violation' in fields) return { is: 'violation', id, dir: reader.dir(), violation: reader.violation() };
  if ('unfinished' in fields)
    return { is: 'unfinished', id, timeMs: reader.time(), dir: reader.dir(), header: reader.unfinished() };
  if (!('opcode' in fields)) return undefined;
  return { is: 'frame', id, timeMs: reader.time(), dir: reader.dir(), frame: reader.frame() };
}

/** Reads the fields of one line, and says which one is wrong. */
class LineReader {
  readonly #fields: Fields;
  readonly #number: number;

  constructor(fields: Fields, number: number) {
    this.#fields = fields;
    this.#number = number;
  }

  text(name: string): string {
    const value = this.#fields[name];
    return typeof value === 'string' ? value : this.#refuse(name, 'a string');
  }

  count(name: string, max = Number.MAX_SAFE_INTEGER): number {
    const value = this.#fields[name];
    const fits = Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= max;
    return fits ? (value as number) : this.#refuse(name, `a whole number from 0 to ${max}`);
  }

  flag(name: string): boolean {
    const value = this.#fields[name];
    return typeof value === 'boolean' ? value : this.#refuse(name, 'true or false');
  }

  time(): number {
    const value = this.#fields['t'];
    return typeof value === 'number' ? value : this.#refuse('t', 'a number of ms');
  }

  dir(): 'in' | 'out' {
    const value = this.#fields['dir'];
    return value === 'in' || value === 'out' ? value : this.#refuse('dir', "'in' or 'out'");
  }

  begin(id: string): BeginLine {
    const role = this.text('role');
    if (role !== 'server' && role !== 'client') return this.#refuse('role', "'server' or 'client'");
    if (this.#fields['capture'] !== 1) this.#refuse('capture', '1, the version of the format');
    return {
      is: 'begin',
      id,
      protocol: this.text('protocol'),
      extensions: this.text('extensions'),
      role,
      openedAt: this.text('openedAt'),
      isWhole: this.#fields['before'] === undefined,
    };
  }

  close(): CloseFields {
    const inner = new LineReader(this.#object('close'), this.#number);
    const error = inner.#fields['error'];
    return {
      code: inner.count('code', 65_535),
      reason: inner.text('reason'),
      wasClean: inner.flag('wasClean'),
      cause: inner.text('cause'),
      ...(typeof error === 'string' ? { error } : {}),
    };
  }

  violation(): Violation {
    const inner = new LineReader(this.#object('violation'), this.#number);
    const code = inner.text('code');
    if (!Object.hasOwn(ERRORS, code)) inner.#refuse('code', 'an error code of Hawser');
    return {
      code: code as PeerErrorCode,
      section: inner.text('section'),
      reason: inner.text('reason'),
    };
  }

  /** The frame, with a header built from its fields: the key of a masked one is not recorded. */
  frame(): WireFrame {
    const fin = this.flag('fin');
    const rsv = this.count('rsv', 7);
    const opcode = this.count('opcode', 15);
    const masked = this.flag('masked');
    const length = this.count('length');
    const payload = this.#payload();
    if (payload.length > length) this.#refuse('payload', `base64 of at most ${length} bytes`);
    const lengthBits = this.#lengthBits(length);
    const header = builtHeader((fin ? FIN : 0) | (rsv << 4) | opcode, masked, length, lengthBits);
    return { offset: 0, header, fin, rsv, opcode, masked, lengthBits, length, payload, violation: undefined };
  }

  unfinished(): Buffer {
    const header = new LineReader(this.#object('unfinished'), this.#number).text('header');
    return /^(?:[\da-f]{2}){0,14}$/.test(header)
      ? Buffer.from(header, 'hex')
      : this.#refuse('unfinished', 'an object with header, at most 14 bytes in hex');
  }

  #lengthBits(length: number): 7 | 16 | 64 {
    const minimal = minimalLengthBits(length);
    const bits = this.#fields['lengthBits'] ?? minimal;
    if ((bits === 7 || bits === 16 || bits === 64) && bits >= minimal) return bits;
    return this.#refuse('lengthBits', `7, 16 or 64, and at least ${minimal} for ${length} bytes`);
  }

  #payload(): Buffer {
    if (this.#fields['payload'] === undefined) return Buffer.alloc(0);
    const text = this.text('payload');
    return /^[A-Za-z\d+/]*={0,2}$/.test(text)
      ? Buffer.from(text, 'base64')
      : this.#refuse('payload', 'base64');
  }

  #object(name: string): Fields {
    const value = this.#fields[name];
    const isObject = typeof value === 'object' && value !== null;
    return isObject ? (value as Fields) : this.#refuse(name, 'an object');
  }

  #refuse(name: string, allowed: string): never {
    throw new MisuseError(
      'ERR_ARGUMENT',
      `line ${this.#number} of the capture: ${name} is ${JSON.stringify(this.#fields[name])?.slice(0, 60) ?? 'missing'}; it must be ${allowed}`,
    );
  }
}

function builtHeader(first: number, masked: boolean, length: number, lengthBits: 7 | 16 | 64): Buffer {
  const extended = lengthBits === 7 ? 0 : lengthBits / 8;
  const header = Buffer.alloc(2 + extended + (masked ? 4 : 0));
  header[0] = first;
  header[1] =
    (masked ? MASK_BIT : 0) | (lengthBits === 7 ? length : lengthBits === 16 ? LENGTH_16 : LENGTH_64);
  if (lengthBits === 16) header.writeUInt16BE(length, 2);
  if (lengthBits === 64) header.writeBigUInt64BE(BigInt(length), 2);
  return header;
}
