import { Buffer } from 'node:buffer';
import { isPosition, type Position } from '../../options/topic-calls.ts';
import type { Message } from '../../protocol/payload.ts';

/** Chosen by the side that asks; the answer repeats it. */
export type Id = number | string;

/** A frame of a client, after checking. */
export type ClientFrame =
  | {
      readonly op: 'subscribe';
      readonly id: Id;
      readonly topic: string;
      readonly since: Position | undefined;
      readonly presence: boolean;
    }
  | { readonly op: 'unsubscribe' | 'presence'; readonly id: Id; readonly topic: string }
  | { readonly op: 'publish'; readonly id: Id; readonly topic: string; readonly data: Message }
  | { readonly op: 'message'; readonly data: Message }
  | { readonly op: 'request'; readonly id: Id; readonly name: string; readonly data: string | undefined }
  | { readonly op: 'reply'; readonly id: Id; readonly data: string | undefined }
  | { readonly op: 'error'; readonly id: Id | undefined; readonly code: string; readonly message: string }
  | { readonly op: 'ping' };

/** What is wrong with a frame. */
export interface FrameFault {
  readonly op: 'fault';
  /** Missing if the frame has no id that can be read. */
  readonly id: Id | undefined;
  readonly code: 'malformed' | 'unknown-op';
  readonly message: string;
}

type Fields = Readonly<Record<string, unknown>>;

const MAX_ID_LENGTH = 64;
/** Lone surrogates: UTF-8 cannot encode them. */
const ILL_FORMED = /\p{Cs}/u;

/** Thrown by the readers of this file, and caught in it. */
class Malformed extends Error {}

/** Reads one message of a client. */
export function readFrame(message: Message, isText: boolean): ClientFrame | FrameFault {
  if (!isText) return fault(undefined, 'malformed', 'a frame must be text, not binary');
  let value: unknown;
  try {
    value = JSON.parse(typeof message === 'string' ? message : message.toString('utf8'));
  } catch {
    return fault(undefined, 'malformed', 'a frame must be JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return fault(undefined, 'malformed', 'a frame must be a JSON object');
  const fields = value as Fields;
  const id = isId(fields['id']) ? fields['id'] : undefined;
  const { op } = fields;
  if (typeof op !== 'string') return fault(id, 'malformed', 'op must be a string');
  const read = Object.hasOwn(READERS, op) ? READERS[op as ClientFrame['op']] : undefined;
  if (read === undefined) return fault(id, 'unknown-op', `there is no op ${JSON.stringify(op.slice(0, 32))}`);
  try {
    return read(fields);
  } catch (error) {
    if (error instanceof Malformed) return fault(id, 'malformed', error.message);
    throw error;
  }
}

const READERS: Readonly<Record<ClientFrame['op'], (fields: Fields) => ClientFrame>> = {
  subscribe: (fields) => ({
    op: 'subscribe',
    id: idOf(fields),
    topic: textOf(fields, 'topic'),
    since: sinceOf(fields),
    presence: flagOf(fields, 'presence'),
  }),
  unsubscribe: (fields) => ({ op: 'unsubscribe', id: idOf(fields), topic: textOf(fields, 'topic') }),
  presence: (fields) => ({ op: 'presence', id: idOf(fields), topic: textOf(fields, 'topic') }),
  publish: (fields) => ({
    op: 'publish',
    id: idOf(fields),
    topic: textOf(fields, 'topic'),
    data: dataOf(fields),
  }),
  message: (fields) => ({ op: 'message', data: dataOf(fields) }),
  request: (fields) => ({
    op: 'request',
    id: idOf(fields),
    name: textOf(fields, 'name'),
    data: jsonTextOf(fields),
  }),
  reply: (fields) => ({ op: 'reply', id: idOf(fields), data: jsonTextOf(fields) }),
  error: (fields) => ({
    op: 'error',
    id: fields['id'] === undefined ? undefined : idOf(fields),
    code: textOf(fields, 'code'),
    message: typeof fields['message'] === 'string' ? fields['message'] : '',
  }),
  ping: () => ({ op: 'ping' }),
};

const isId = (value: unknown): value is Id =>
  typeof value === 'string'
    ? value.length <= MAX_ID_LENGTH
    : Number.isSafeInteger(value) && (value as number) >= 0;

function idOf({ id }: Fields): Id {
  if (isId(id)) return id;
  throw new Malformed(`id must be an integer from 0 to 2^53 - 1, or a string of at most ${MAX_ID_LENGTH}`);
}

function textOf(fields: Fields, name: 'topic' | 'name' | 'code'): string {
  const text = fields[name];
  if (typeof text === 'string') return text;
  throw new Malformed(`${name} must be a string`);
}

function flagOf(fields: Fields, name: 'presence'): boolean {
  const flag = fields[name] ?? false;
  if (typeof flag === 'boolean') return flag;
  throw new Malformed(`${name} must be true or false`);
}

function sinceOf({ since }: Fields): Position | undefined {
  if (since === undefined || since === null) return undefined;
  if (!isPosition(since))
    throw new Malformed('since must have an epoch of 1 to 32 of A-Z a-z 0-9 _ - and an offset from 0');
  return { epoch: since.epoch, offset: since.offset };
}

function jsonTextOf({ data, data64 }: Fields): string | undefined {
  if (data64 === undefined && (data === undefined || typeof data === 'string')) return data;
  throw new Malformed('data must be a string with JSON in it');
}

function dataOf({ data, data64 }: Fields): Message {
  if ((data === undefined) === (data64 === undefined))
    throw new Malformed('a frame must have either data or data64');
  const text = data ?? data64;
  if (typeof text !== 'string') throw new Malformed('data and data64 must be strings');
  if (data64 === undefined) {
    if (ILL_FORMED.test(text)) throw new Malformed('data must not contain lone surrogates');
    return text;
  }
  const bytes = Buffer.from(text, 'base64');
  // Node also reads the alphabet of URLs, text without padding, and foreign characters.
  if (bytes.toString('base64') !== text)
    throw new Malformed('data64 must be base64 of RFC 4648 section 4, with padding');
  return bytes;
}

const fault = (id: Id | undefined, code: FrameFault['code'], message: string): FrameFault => ({
  op: 'fault',
  id,
  code,
  message,
});
