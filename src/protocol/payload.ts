import { Buffer, isUtf8 } from 'node:buffer';
import { OPCODE } from './constants.ts';
import { MisuseError } from './errors.ts';

/** What an application sends: a string goes out as text, bytes as binary. */
export type Payload = string | ArrayBufferView | ArrayBuffer;

/** What an application receives: text as a string, binary as a Buffer that is its own to keep. */
export type Message = string | Buffer;

const describe = (value: unknown): string =>
  value === null
    ? 'null'
    : typeof value === 'object'
      ? (value.constructor?.name ?? 'an object')
      : typeof value;

const isArrayBuffer = (value: unknown): value is ArrayBuffer =>
  value instanceof ArrayBuffer || Object.prototype.toString.call(value) === '[object ArrayBuffer]';

/**
 * The bytes of a binary payload, exactly those that were handed in, uncopied (memory that may change its size is copied).
 * @throws MisuseError `ERR_ARGUMENT` for anything else, shared memory and detached buffers included.
 */
export function payloadBytes(payload: ArrayBufferView | ArrayBuffer): Uint8Array {
  let bytes: Uint8Array;
  if (ArrayBuffer.isView(payload)) {
    const { buffer } = payload;
    if (!isArrayBuffer(buffer)) {
      throw new MisuseError('ERR_ARGUMENT', 'payload must not lie in shared memory: copy it first');
    }
    bytes =
      payload instanceof Uint8Array
        ? payload
        : new Uint8Array(buffer, payload.byteOffset, payload.byteLength);
  } else if (isArrayBuffer(payload)) {
    bytes = new Uint8Array(isDetached(payload) ? detached() : payload);
  } else {
    throw new MisuseError(
      'ERR_ARGUMENT',
      `payload must be a string, an ArrayBuffer or a view on one, not ${describe(payload)}`,
    );
  }
  if (bytes.byteLength === 0 && isDetached(bytes.buffer as ArrayBuffer)) detached();
  return isResizable(bytes.buffer) ? Uint8Array.from(bytes) : bytes;
}

function isDetached(buffer: ArrayBuffer): boolean {
  if (buffer.byteLength > 0) return false;
  try {
    void new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

function detached(): never {
  throw new MisuseError('ERR_ARGUMENT', 'payload lies in a buffer that was transferred away');
}

const isResizable = (buffer: ArrayBufferLike): boolean =>
  (buffer as ArrayBufferLike & { resizable?: boolean }).resizable === true;

/** How a payload goes out, once the `binary` option has had its say. */
export interface OutgoingData {
  readonly opcode: typeof OPCODE.TEXT | typeof OPCODE.BINARY;
  readonly data: string | Uint8Array;
}

/**
 * Decides opcode and bytes of a payload.
 * @param binary `false` sends bytes as text, `true` a string as binary; by default the type decides.
 * @throws MisuseError `ERR_ARGUMENT` for an impossible payload, and for bytes that are to go out as text but are not UTF-8.
 */
export function outgoing(payload: Payload, binary: boolean | undefined): OutgoingData {
  if (typeof payload === 'string') {
    return binary === true
      ? { opcode: OPCODE.BINARY, data: Buffer.from(payload, 'utf8') }
      : { opcode: OPCODE.TEXT, data: payload };
  }
  const data = payloadBytes(payload);
  if (binary !== false) return { opcode: OPCODE.BINARY, data };
  if (!isUtf8(data)) throw new MisuseError('ERR_ARGUMENT', 'payload is to go out as text, but is not UTF-8');
  return { opcode: OPCODE.TEXT, data };
}
