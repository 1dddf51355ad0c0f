import { Buffer, isUtf8 } from 'node:buffer';
import { EngineError, MisuseError } from '../protocol/errors.ts';
import { PreparedMessage } from '../protocol/outgoing/prepared-message.ts';
import type { ConnectionIds } from '../server/groups/broadcast.ts';
import type { ArrivalHeader } from './engine.ts';

/** Most ids of connections that do not get a message. */
const MAX_EXCEPT = 16;
/** Room in an entry beyond its payload: the head of the frame, and `MAX_EXCEPT` ids. */
export const ENTRY_HEAD_BYTES = 4_096 + 10;
/** Longest header of an envelope: `1 m`, an epoch and a node of 32 characters each, and two numbers. */
const MAX_HEADER_BYTES = 112;
const TEXT_FRAME = 0x81;
const BINARY_FRAME = 0x82;
const LINE_FEED = 0x0a;

/** Whether a value is the name of an epoch or a node: 1 to 32 of A–Z, a–z, 0–9, `_` and `-`. */
export const isName = (value: unknown): value is string =>
  typeof value === 'string' && /^[A-Za-z0-9_-]{1,32}$/.test(value);

const invalid = (what: string): EngineError => new EngineError('ERR_ENGINE_MESSAGE', what);

/**
 * The entry of a message: its frame, unmasked and whole, then the ids of `except`, if there are any, as `u8 count` and a
 * `u8 length` before each id. Without `except`, the entry is the memory of the frame itself, so a message that an engine of
 * this process stores exists once.
 * @throws MisuseError `ERR_ARGUMENT` for more than 16 ids, or an id of more than 255 bytes.
 */
export function encodeEntry(message: PreparedMessage, except: ConnectionIds): Buffer {
  if (except === undefined) return message.frame;
  const ids = typeof except === 'string' ? [except] : [...except];
  if (ids.length === 0) return message.frame;
  if (ids.length > MAX_EXCEPT) {
    throw new MisuseError(
      'ERR_ARGUMENT',
      `except has at most ${MAX_EXCEPT} connections where an engine joins nodes, not ${ids.length}`,
    );
  }
  const parts: Buffer[] = [message.frame, Buffer.of(ids.length)];
  for (const id of ids) {
    const bytes = Buffer.from(id, 'utf8');
    if (bytes.length === 0 || bytes.length > 255)
      throw new MisuseError('ERR_ARGUMENT', `an id in except has 1 to 255 bytes, not ${bytes.length}`);
    parts.push(Buffer.of(bytes.length), bytes);
  }
  return ownCopy(...parts);
}

/** Joins bytes in memory of their own, instead of a part of Node's shared pool. */
function ownCopy(...parts: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const part of parts) length += part.length;
  const copy = Buffer.allocUnsafeSlow(length);
  let at = 0;
  for (const part of parts) {
    copy.set(part, at);
    at += part.length;
  }
  return copy;
}

/** What an entry says. */
export interface DecodedEntry {
  /** Its frame is a view of the entry if the entry has memory of its own, else a copy. */
  readonly message: PreparedMessage;
  readonly except: ConnectionIds;
}

/**
 * Reads an entry that {@link encodeEntry} wrote.
 * @param maxEntryBytes Larger entries are invalid.
 * @throws EngineError `ERR_ENGINE_MESSAGE` unless every byte is as `encodeEntry` writes it.
 */
export function decodeEntry(bytes: Uint8Array, maxEntryBytes: number): DecodedEntry {
  const { length } = bytes;
  if (length > maxEntryBytes)
    throw invalid(`an entry has ${length} bytes, over the limit of ${maxEntryBytes}`);
  const kind = bytes[0];
  if (kind !== TEXT_FRAME && kind !== BINARY_FRAME) throw invalid('an entry begins with no frame');
  const start = payloadStart(bytes);
  const end = start + payloadLength(bytes, start);
  if (end > length) throw invalid('an entry ends inside its frame');
  const isOwn = bytes.byteOffset === 0 && bytes.buffer.byteLength === length;
  const frame = isOwn ? asBuffer(bytes).subarray(0, end) : ownCopy(bytes.subarray(0, end));
  if (kind === TEXT_FRAME && !isUtf8(frame.subarray(start)))
    throw invalid('the text of an entry is not UTF-8');
  return {
    message: PreparedMessage.ofFrame(frame),
    except: end === length ? undefined : readIds(bytes, end),
  };
}

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

function payloadStart(bytes: Uint8Array): number {
  const short = bytes[1] ?? 0xff;
  if (short > 127) throw invalid('an entry has no length, or a masked frame');
  return short < 126 ? 2 : short === 126 ? 4 : 10;
}

function payloadLength(bytes: Uint8Array, start: number): number {
  if (bytes.length < start) throw invalid('an entry ends inside its frame');
  if (start === 2) return bytes[1]!;
  let length = 0;
  for (let i = 2; i < start; i++) length = length * 256 + bytes[i]!;
  if (length < (start === 4 ? 126 : 65_536))
    throw invalid('the length of an entry is not in its shortest form');
  return length;
}

function readIds(bytes: Uint8Array, start: number): ConnectionIds {
  const count = bytes[start]!;
  if (count === 0 || count > MAX_EXCEPT) throw invalid(`an entry excepts ${count} connections`);
  const ids = new Set<string>();
  let at = start + 1;
  for (let i = 0; i < count; i++) {
    const end = at + 1 + (bytes[at] ?? 0);
    if (end === at + 1 || end > bytes.length)
      throw invalid('an entry ends inside an id, or has an empty one');
    const id = bytes.subarray(at + 1, end);
    if (!isUtf8(id)) throw invalid('an id in an entry is not UTF-8');
    ids.add(asBuffer(id).toString('utf8'));
    at = end;
  }
  if (at !== bytes.length) throw invalid(`an entry has ${bytes.length - at} bytes too many`);
  return ids.size === 1 ? [...ids][0] : ids;
}

/** What an envelope carries: messages of a topic, changes of its members, or control messages of nodes. */
export type EnvelopeKind = 'm' | 'j' | 'c';

/** An envelope that was read. The entries are views of it. */
export interface Envelope {
  readonly kind: EnvelopeKind;
  readonly header: ArrivalHeader;
  readonly entries: readonly Uint8Array[];
}

/** The first line of an envelope. A script can build it. */
export const envelopeHeader = (kind: EnvelopeKind, { node, seq, epoch, first }: ArrivalHeader): string =>
  `1 ${kind} ${epoch ?? '-'} ${first} ${node} ${seq}\n`;

/** Writes `u32 length` and the bytes of each entry: what follows the header in an envelope. */
export function envelopeBody(entries: readonly Uint8Array[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const entry of entries) {
    const { length } = entry;
    parts.push(Buffer.of(length >>> 24, length >>> 16, length >>> 8, length), entry);
  }
  return ownCopy(...parts);
}

/** Writes an envelope, for engines whose broker transfers bytes. */
export const writeEnvelope = (
  kind: EnvelopeKind,
  header: ArrivalHeader,
  entries: readonly Uint8Array[],
): Buffer => ownCopy(Buffer.from(envelopeHeader(kind, header), 'latin1'), envelopeBody(entries));

const HEADER =
  /^1 ([mjc]) (-|[A-Za-z0-9_-]{1,32}) (0|[1-9]\d{0,15}) ([A-Za-z0-9_-]{1,32}) (0|[1-9]\d{0,15})$/;

/**
 * Reads an envelope.
 * @param maxEntryBytes Larger entries are invalid.
 * @returns Entries that are views of `bytes`.
 * @throws EngineError `ERR_ENGINE_MESSAGE` unless every byte is as {@link writeEnvelope} writes it.
 */
export function readEnvelope(bytes: Uint8Array, maxEntryBytes: number): Envelope {
  const end = bytes.subarray(0, MAX_HEADER_BYTES).indexOf(LINE_FEED);
  const line = end < 0 ? null : HEADER.exec(asBuffer(bytes.subarray(0, end)).toString('latin1'));
  if (line === null) throw invalid('an envelope has no header of version 1');
  const [, kind, epoch, first, node, seq] = line as unknown as readonly [string, EnvelopeKind, ...string[]];
  const header = {
    node: node!,
    seq: Number(seq),
    epoch: epoch === '-' ? undefined : epoch!,
    first: Number(first),
  };
  if (
    !Number.isSafeInteger(header.seq) ||
    !Number.isSafeInteger(header.first) ||
    (epoch === '-') !== (header.first === 0)
  )
    throw invalid('the numbers of an envelope are invalid');
  return { kind, header, entries: readBody(bytes, end + 1, maxEntryBytes) };
}

/** Reads what {@link envelopeBody} wrote, from a place on. @returns Views of `bytes`. */
export function readBody(bytes: Uint8Array, start: number, maxEntryBytes: number): readonly Uint8Array[] {
  const entries: Uint8Array[] = [];
  let at = start;
  while (at < bytes.length) {
    if (at + 4 > bytes.length) throw invalid('an envelope ends inside a length');
    const length =
      ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
    if (length > maxEntryBytes)
      throw invalid(`an entry of ${length} bytes is over the limit of ${maxEntryBytes}`);
    if (at + 4 + length > bytes.length) throw invalid('an envelope ends inside an entry');
    entries.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  if (entries.length === 0) throw invalid('an envelope has no entries');
  return entries;
}

/** A change of the members of a topic. */
export interface MemberChange {
  readonly field: string;
  /** `undefined`: the member left. */
  readonly value: Uint8Array | undefined;
}

/** Writes a change of members as an entry: `u16 length` and bytes of the field, then the value; none for a member that left. */
export function memberChange(field: string, value: Uint8Array | undefined): Buffer {
  const name = Buffer.from(field, 'utf8');
  return ownCopy(Buffer.of(name.length >>> 8, name.length), name, value ?? Buffer.alloc(0));
}

/** Reads an entry of {@link memberChange}. @throws EngineError `ERR_ENGINE_MESSAGE` for another one. */
export function readMemberChange(entry: Uint8Array): MemberChange {
  const end = entry.length < 2 ? 0 : 2 + entry[0]! * 256 + entry[1]!;
  const name = entry.subarray(2, end);
  if (end <= 2 || end > entry.length || !isUtf8(name)) throw invalid('a change of members has no field');
  return {
    field: asBuffer(name).toString('utf8'),
    value: end === entry.length ? undefined : entry.subarray(end),
  };
}
