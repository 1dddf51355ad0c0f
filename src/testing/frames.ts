import { Buffer } from 'node:buffer';
import { OPCODE } from '../protocol/constants.ts';
import { MisuseError } from '../protocol/errors.ts';
import { checkArgument, checkCallOptions, OBJECT, OPTIONS, TEXT, TEXT_OR_BYTES } from './call-check.ts';

/** Default masking key of built frames: the key of the examples in the RFC (§5.7). */
export const DEFAULT_KEY: Uint8Array = Buffer.from('37fa213d', 'hex');

/** The fields of a frame, valid or not. All are written as given. */
export interface FrameFields {
  /** Default `true`. */
  readonly fin?: boolean;
  readonly rsv1?: boolean;
  readonly rsv2?: boolean;
  readonly rsv3?: boolean;
  /** 0 to 15, including reserved opcodes. */
  readonly opcode: number;
  /** Four bytes, or `false` for an unmasked frame, as servers send. Default: {@link DEFAULT_KEY}. */
  readonly mask?: Uint8Array | false;
  /** Copied, and masked if there is a key. A string is encoded as UTF-8. Default: empty. */
  readonly payload?: string | Uint8Array;
  /** Number of bits that encode the length. Only the default, `minimal`, is valid (§5.2). */
  readonly lengthForm?: 'minimal' | 7 | 16 | 64;
  /** Length in the header, 0 to 2^64 - 1. Default: the length of `payload`. */
  readonly announcedLength?: number | bigint;
}

/** The fields of a frame that a shorthand such as {@link text} does not set. */
export type FrameExtras = Omit<FrameFields, 'opcode' | 'payload'>;

/**
 * Converts hexadecimal digits to bytes. White space is ignored.
 * @throws MisuseError `ERR_ARGUMENT` for other characters, and for an odd number of digits.
 */
export function hex(digits: string): Buffer {
  checkArgument('hex', 'digits', digits, TEXT);
  const joined = digits.replace(/\s+/g, '');
  if (!/^(?:[0-9a-f]{2})*$/i.test(joined)) {
    throw new MisuseError('ERR_ARGUMENT', `not pairs of hexadecimal digits: ${digits}`);
  }
  return Buffer.from(joined, 'hex');
}

/**
 * Builds one frame (§5.2), valid or not, in new memory. Masked by default, like the frames of a client.
 * @throws MisuseError `ERR_ARGUMENT` for values that do not fit into a frame: an opcode above 15, a length too large
 *   for its form.
 */
export function frame(fields: FrameFields): Buffer {
  checkArgument('frame', 'fields', fields, OBJECT);
  checkCallOptions('frame', fields, OPTIONS.frame);
  const { fin = true, rsv1 = false, rsv2 = false, rsv3 = false, opcode, mask = DEFAULT_KEY } = fields;
  if (!Number.isInteger(opcode) || opcode < 0 || opcode > 15) {
    throw new MisuseError('ERR_ARGUMENT', `an opcode is a whole number from 0 to 15, not ${String(opcode)}`);
  }
  if (mask !== false && mask.length !== 4) {
    throw new MisuseError('ERR_ARGUMENT', `a masking key has 4 bytes, not ${mask.length}`);
  }
  const bytes = bytesOf(fields.payload ?? '');
  const header = lengthField(fields.announcedLength ?? bytes.length, fields.lengthForm ?? 'minimal');
  if (mask !== false) {
    header[0]! |= 0x80;
    for (let i = 0; i < bytes.length; i++) bytes[i]! ^= mask[i % 4]!;
  }
  const first = (fin ? 0x80 : 0) | (rsv1 ? 0x40 : 0) | (rsv2 ? 0x20 : 0) | (rsv3 ? 0x10 : 0) | opcode;
  return Buffer.concat([Buffer.of(first), header, mask === false ? Buffer.alloc(0) : mask, bytes]);
}

/** The second byte without its mask bit, and the bytes of length that follow it. */
function lengthField(length: number | bigint, form: 'minimal' | 7 | 16 | 64): Buffer {
  const minimal = length < 126 ? 7 : length < 65_536 ? 16 : 64;
  const bits = form === 'minimal' ? minimal : form;
  const most = bits === 7 ? 125n : (1n << BigInt(bits)) - 1n;
  if (length < 0 || length > most || (typeof length === 'number' && !Number.isSafeInteger(length))) {
    throw new MisuseError(
      'ERR_ARGUMENT',
      `a length in ${bits} bits is a whole number from 0 to ${most}, a bigint from 2^53 up, not ${length}`,
    );
  }
  if (bits === 7) return Buffer.of(Number(length));
  const field = Buffer.alloc(1 + bits / 8);
  field[0] = bits === 16 ? 126 : 127;
  if (bits === 16) field.writeUInt16BE(Number(length), 1);
  else field.writeBigUInt64BE(BigInt(length), 1);
  return field;
}

/** Copies the payload: masking must not change the bytes of the caller. */
function bytesOf(payload: string | Uint8Array): Buffer {
  return typeof payload === 'string' ? Buffer.from(payload, 'utf8') : Buffer.from(payload);
}

function built(opcode: number, payload: string | Uint8Array, extras: FrameExtras): Buffer {
  checkCallOptions('frame', extras, OPTIONS.extras);
  return frame({ ...extras, opcode, payload });
}

const shorthand =
  (opcode: number) =>
  (payload: string | Uint8Array = '', extras: FrameExtras = {}): Buffer =>
    built(opcode, payload, extras);

/** A Text frame, masked unless `extras` says otherwise. Bytes need not be UTF-8. */
export const text: (payload?: string | Uint8Array, extras?: FrameExtras) => Buffer = shorthand(OPCODE.TEXT);
/** A Binary frame, masked unless `extras` says otherwise. */
export const binary: (payload?: string | Uint8Array, extras?: FrameExtras) => Buffer = shorthand(
  OPCODE.BINARY,
);
/** A Continuation frame, final and masked unless `extras` says otherwise. */
export const continuation: (payload?: string | Uint8Array, extras?: FrameExtras) => Buffer = shorthand(
  OPCODE.CONTINUATION,
);
/** A Ping frame, masked unless `extras` says otherwise. */
export const ping: (payload?: string | Uint8Array, extras?: FrameExtras) => Buffer = shorthand(OPCODE.PING);
/** A Pong frame, masked unless `extras` says otherwise. */
export const pong: (payload?: string | Uint8Array, extras?: FrameExtras) => Buffer = shorthand(OPCODE.PONG);

/**
 * A Close frame (§5.5.1), masked unless `extras` says otherwise. Without a code its body is empty.
 * @param code 0 to 65535, including codes that are not allowed on the wire.
 * @param reason Of any length, although a valid Close has at most 123 bytes. Bytes need not be UTF-8.
 */
export function close(code?: number, reason: string | Uint8Array = '', extras: FrameExtras = {}): Buffer {
  checkCallOptions('close', extras, OPTIONS.extras);
  checkArgument('close', 'reason', reason, TEXT_OR_BYTES);
  if (code === undefined) return frame({ ...extras, opcode: OPCODE.CLOSE });
  if (!Number.isInteger(code) || code < 0 || code > 0xffff) {
    throw new MisuseError(
      'ERR_ARGUMENT',
      `a close code is a whole number from 0 to 65535, not ${String(code)}`,
    );
  }
  const payload = Buffer.concat([Buffer.of(code >> 8, code & 0xff), bytesOf(reason)]);
  return frame({ ...extras, opcode: OPCODE.CLOSE, payload });
}
