import { Buffer } from 'node:buffer';
import { EngineError } from '../../../protocol/errors.ts';
import type { Reply } from './link.ts';

/** The same memory as a Buffer, which is what client libraries take. */
export const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

/** A text that Redis answered. */
export function textOf(reply: Reply | undefined): string {
  if (typeof reply === 'string') return reply;
  if (Buffer.isBuffer(reply)) return reply.toString('utf8');
  throw unexpected('a text', reply);
}

export function numberOf(reply: Reply | undefined): number {
  if (typeof reply === 'number') return reply;
  throw unexpected('a number', reply);
}

export function listOf(reply: Reply | undefined): readonly Reply[] {
  if (Array.isArray(reply)) return reply as readonly Reply[];
  throw unexpected('a list', reply);
}

export function bytesOf(reply: Reply | undefined): Buffer {
  if (Buffer.isBuffer(reply)) return reply;
  throw unexpected('bytes', reply);
}

/** The values of a flat list of fields and values. */
export function mapOf(reply: Reply | undefined): Map<string, Buffer> {
  const list = listOf(reply);
  const map = new Map<string, Buffer>();
  for (let at = 0; at + 1 < list.length; at += 2) map.set(textOf(list[at]), bytesOf(list[at + 1]));
  return map;
}

const unexpected = (what: string, reply: Reply | undefined): EngineError =>
  new EngineError(
    'ERR_ENGINE_MESSAGE',
    `Redis did not answer ${what}, but ${reply === null ? 'nothing' : typeof reply}`,
  );

/** The code with which Redis begins an error; empty for an error of the client library. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  // Before version 7, errors of commands in scripts begin with ERR and the name of the script.
  const inScript = /@user_script: ?\d+: -?(?:@user_script: ?\d+: )?-?([A-Z]+) /.exec(error.message);
  return inScript?.[1] ?? /^([A-Z]{3,}) /.exec(error.message)?.[1] ?? '';
}

/** Redis cannot serve: it loads its data, or is a replica. Another connection may reach a server that can. */
const UNUSABLE: readonly string[] = ['READONLY', 'LOADING', 'MASTERDOWN', 'NOAUTH', ''];
/** Redis did not do what was asked, and will not if it is asked again. */
const REFUSALS: readonly string[] = ['OOM', 'NOPERM', 'MISCONF', 'WRONGTYPE', 'NOREPLICAS', 'WRONGPASS'];

/** Whether an error says that the connection is of no use. */
export const isFatal = (error: unknown): boolean => UNUSABLE.includes(codeOf(error));

/** The error of a call of the engine. */
export function engineError(error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  const code = REFUSALS.includes(codeOf(error)) ? 'ERR_ENGINE_REFUSED' : 'ERR_ENGINE_DOWN';
  const detail = error instanceof Error ? error.message : String(error);
  return new EngineError(code, `Redis: ${detail}`, { cause: error });
}
