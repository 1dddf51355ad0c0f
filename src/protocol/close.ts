import { Buffer } from 'node:buffer';
import { MAX_CONTROL_BYTES } from './constants.ts';
import { MisuseError, PeerError } from './errors.ts';
import { findInvalidUtf8 } from './utf8.ts';

/** Reported if a Close had no code (§7.4.1). Never on the wire. */
export const NO_CODE = 1005;
/** Reported if there was no Close (§7.4.1). Never on the wire. */
export const NO_CLOSE = 1006;
/** Reported if TLS failed (§7.4.1). Never on the wire. */
const NO_TLS = 1015;
/** The client misses an extension; only clients send it (§7.4.1). */
const NO_EXTENSION = 1010;
const UNEXPECTED = 1011;
/** Longest reason, in bytes of UTF-8: a control frame minus the code. */
export const MAX_REASON_BYTES = MAX_CONTROL_BYTES - 2;

/** State of the closing handshake (§7.1.2 to §7.1.4). */
export type ClosePhase = 'open' | 'close-sent' | 'closed-both' | 'failed' | 'ended';
export type CloseMove = 'send-close' | 'receive-close' | 'fail' | 'transport-end';

/**
 * The legal moves. A Close of the peer is answered in the same step, so no phase exists in which only the peer has
 * closed.
 */
const MOVES: Readonly<Record<ClosePhase, Partial<Record<CloseMove, ClosePhase>>>> = {
  open: {
    'send-close': 'close-sent',
    'receive-close': 'closed-both',
    fail: 'failed',
    'transport-end': 'ended',
  },
  'close-sent': { 'receive-close': 'closed-both', fail: 'failed', 'transport-end': 'ended' },
  'closed-both': { 'transport-end': 'ended' },
  failed: { 'transport-end': 'ended' },
  ended: {},
};

/**
 * Returns the phase after a move.
 * @throws MisuseError `ERR_STATE` for a move that is not in the table: an internal error, never caused by a peer.
 */
export function moveClose(from: ClosePhase, move: CloseMove): ClosePhase {
  const to = MOVES[from][move];
  if (to === undefined) throw new MisuseError('ERR_STATE', `closing handshake: ${move} while ${from}`);
  return to;
}

/** Whether a peer may send this code in a Close frame (§7.4.1, §7.4.2, and the registry for 1012 to 1014). */
export function isReceivableCode(code: number): boolean {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

/** Whether an application may close with this code. Only clients may send 1010. */
export function isSendableCode(code: number, role: 'server' | 'client'): boolean {
  return Number.isInteger(code) && isReceivableCode(code) && (code !== NO_EXTENSION || role === 'client');
}

/**
 * Returns the code to send for `code`. It accepts every code that a connection can report, so that a relay can pass on
 * the code it received: {@link NO_CODE} is sent as an empty Close. 1006, 1015 and, from a server, 1010 must not be sent
 * and become 1011.
 * @throws MisuseError `ERR_ARGUMENT` for any other code that cannot be sent.
 */
export function codeOnWire(code: unknown, role: 'server' | 'client'): number {
  if (typeof code === 'number' && (code === NO_CODE || isSendableCode(code, role))) return code;
  if (code === NO_CLOSE || code === NO_TLS || code === NO_EXTENSION) return UNEXPECTED;
  const shown =
    typeof code === 'number' ? code : typeof code === 'string' ? JSON.stringify(code) : typeof code;
  throw new MisuseError(
    'ERR_ARGUMENT',
    `close code ${shown} cannot be sent; use 1000 to 1003, 1007 to 1009, ${role === 'client' ? '1010 to 1014' : '1011 to 1014'} or 3000 to 4999`,
  );
}

/** The content of a Close frame of the peer. */
export interface CloseBody {
  /** {@link NO_CODE} if the body was empty. */
  readonly code: number;
  readonly reason: string;
}

/**
 * Reads the body of a Close frame (§5.5.1).
 * @throws PeerError for a single byte, a code that must not be sent, or a reason that is not UTF-8.
 */
export function readCloseBody(body: Buffer): CloseBody {
  if (body.length === 0) return { code: NO_CODE, reason: '' };
  if (body.length === 1) throw new PeerError('ERR_CLOSE_BODY', undefined, { value: 1 });
  const code = body.readUInt16BE(0);
  if (!isReceivableCode(code)) throw new PeerError('ERR_CLOSE_CODE', String(code), { value: code });
  if (body.length === 2) return { code, reason: '' };
  const reason = body.subarray(2);
  const bad = findInvalidUtf8(reason);
  if (bad >= 0) throw new PeerError('ERR_UTF8', `byte ${bad} of a close reason`);
  return { code, reason: reason.toString('utf8') };
}

/**
 * Builds the body of a Close frame. A reason over 123 bytes is cut at a code point; lone surrogates
 * become U+FFFD.
 * @param code {@link NO_CODE} for an empty body.
 */
export function buildCloseBody(code: number, reason: string): Buffer {
  if (code === NO_CODE) return Buffer.alloc(0);
  if (reason === '') return Buffer.of(code >> 8, code & 0xff);
  const text = Buffer.from(reason.slice(0, MAX_REASON_BYTES), 'utf8');
  let bytes = Math.min(text.length, MAX_REASON_BYTES);
  if (bytes < text.length) while ((text[bytes]! & 0xc0) === 0x80) bytes--;
  const body = Buffer.alloc(2 + bytes);
  body.writeUInt16BE(code, 0);
  text.copy(body, 2, 0, bytes);
  return body;
}

/**
 * Checks the arguments of `close`.
 * @throws MisuseError `ERR_ARGUMENT`; see {@link codeOnWire}.
 */
export function checkCloseArguments(code: unknown, reason: unknown, role: 'server' | 'client'): void {
  codeOnWire(code, role);
  if (typeof reason !== 'string') {
    throw new MisuseError('ERR_ARGUMENT', `close reason must be a string, not ${typeof reason}`);
  }
}
