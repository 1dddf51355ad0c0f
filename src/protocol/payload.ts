import { Buffer, isUtf8 } from 'node:buffer';
import { OPCODE } from './constants.ts';
import { MisuseError } from './errors.ts';
import type { ReusableBytes } from './reusable-bytes.ts';

/** What an application sends: a string goes out as text, bytes as binary. */
export type Payload = string | ArrayBufferView | ArrayBuffer;

/** What an application receives: text as a string, binary as a Buffer that is its own to keep. */
export type Message = string | Buffer;

const describe = (value: unknown): string => {
  if (value === null) return 'null';
  if (typeof value !== 'object') return typeof value;
  const name: unknown = value.constructor?.name;
  return typeof name === 'string' && name !== '' ? name : 'an object';
};

/** What to send instead of a value that is no payload. */
function instead(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint')
    return '; send String(value)';
  if (typeof value !== 'object' || value === null) return '';
  if ('then' in value) return '; await it first';
  if ('arrayBuffer' in value) return '; send await value.arrayBuffer()';
  // What JSON cannot hold, as a Map, would arrive as {}.
  const isPlain = ['Object', 'Array'].includes(describe(value)) || 'toJSON' in value;
  return isPlain ? '; send JSON.stringify(value)' : '';
}

/** Views of the application are passed on up to this size, because such payloads are copied before `send` returns. */
const MAX_LENT_BYTES = 16_384;

/**
 * A getter of the platform: it asks the object itself, not a property that the application has defined.
 * @returns What gives `undefined` in a runtime without the getter.
 */
function platformGetter(prototype: object, name: PropertyKey): (of: unknown) => unknown {
  const { get } = { ...Object.getOwnPropertyDescriptor(prototype, name) } as {
    get?: (this: unknown) => unknown;
  };
  return (of) => get?.call(of);
}

const bufferByteLength = /* @__PURE__ */ platformGetter(ArrayBuffer.prototype, 'byteLength');
const typedArray = /* @__PURE__ */ Object.getPrototypeOf(Uint8Array.prototype) as object;
/** `undefined` for anything but a typed array. */
const typedArrayKind = /* @__PURE__ */ platformGetter(typedArray, Symbol.toStringTag) as (
  of: unknown,
) => string | undefined;
const ofTypedArray = {
  buffer: /* @__PURE__ */ platformGetter(typedArray, 'buffer') as (of: unknown) => ArrayBufferLike,
  byteOffset: /* @__PURE__ */ platformGetter(typedArray, 'byteOffset') as (of: unknown) => number,
  byteLength: /* @__PURE__ */ platformGetter(typedArray, 'byteLength') as (of: unknown) => number,
};
const ofDataView = {
  buffer: /* @__PURE__ */ platformGetter(DataView.prototype, 'buffer') as (of: unknown) => ArrayBufferLike,
  byteOffset: /* @__PURE__ */ platformGetter(DataView.prototype, 'byteOffset') as (of: unknown) => number,
  byteLength: /* @__PURE__ */ platformGetter(DataView.prototype, 'byteLength') as (of: unknown) => number,
};

/** The length of a typed array in bytes, asked of the platform: a property that the application has defined is not read. */
export const trueLength = (bytes: Uint8Array): number => ofTypedArray.byteLength(bytes);

/** A view of the library's own on the same bytes: no property of the application's view is read from here on. */
export const ownView = (bytes: Uint8Array): Uint8Array =>
  new Uint8Array(ofTypedArray.buffer(bytes), ofTypedArray.byteOffset(bytes), trueLength(bytes));

/** True for an ArrayBuffer of any realm; shared memory is none. */
function isArrayBuffer(value: unknown): value is ArrayBuffer {
  try {
    bufferByteLength(value);
    return true;
  } catch {
    return false;
  }
}

/**
 * The bytes of a binary payload, exactly those that were handed in, uncopied (memory that may change its size is copied).
 * @param reusable Knows the message being delivered, which needs no further checks.
 * @throws MisuseError `ERR_ARGUMENT` for anything else, shared memory and detached buffers included.
 */
export function payloadBytes(payload: ArrayBufferView | ArrayBuffer, reusable?: ReusableBytes): Uint8Array {
  if (ArrayBuffer.isView(payload)) return viewedBytes(payload, reusable);
  if (!isArrayBuffer(payload)) {
    throw new MisuseError(
      'ERR_ARGUMENT',
      `payload must be a string, an ArrayBuffer or a view on one, not ${describe(payload)}${instead(payload)}`,
    );
  }
  return bytesAt(payload, 0, undefined);
}

function viewedBytes(view: ArrayBufferView, reusable: ReusableBytes | undefined): Uint8Array {
  // Asking a view for its memory is the expensive part, most of all for small views. The memory of a received message is known.
  if (reusable?.isReceived(view) === true && isUnchanged(view as Uint8Array)) return view as Uint8Array;
  const kind = typedArrayKind(view);
  const of = kind === undefined ? ofDataView : ofTypedArray;
  const buffer = of.buffer(view);
  if (!isArrayBuffer(buffer)) {
    throw new MisuseError('ERR_ARGUMENT', 'payload must not lie in shared memory: copy it first');
  }
  let byteOffset: number;
  let byteLength: number;
  try {
    byteOffset = of.byteOffset(view);
    byteLength = of.byteLength(view);
  } catch {
    return gone();
  }
  // A view of our own: properties of the application's view may lie, now or later, and asking them costs more.
  return bytesAt(buffer, byteOffset, byteLength);
}

/**
 * A delivered message that is not detached and states its true length. Its `length` may still be an accessor that changes
 * its mind: frames are built with {@link trueLength}. Asking for own properties would cost a fifth of an echo.
 */
function isUnchanged(message: Uint8Array): boolean {
  const { length } = message;
  return length > 0 && length < MAX_LENT_BYTES && length === trueLength(message);
}

/** @param byteLength Up to the end of the buffer if `undefined`. */
function bytesAt(buffer: ArrayBuffer, byteOffset: number, byteLength: number | undefined): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(buffer, byteOffset, byteLength);
  } catch {
    return gone();
  }
  return isResizable(buffer) ? Uint8Array.from(bytes) : bytes;
}

function gone(): never {
  throw new MisuseError('ERR_ARGUMENT', 'payload lies in a buffer that was transferred away or shrunk');
}

/** A runtime without the getter has no resizable buffers. */
const resizable = /* @__PURE__ */ platformGetter(ArrayBuffer.prototype, 'resizable');

const isResizable = (buffer: ArrayBuffer): boolean => resizable(buffer) === true;

/** How a payload goes out, once the `binary` option has had its say. */
export interface OutgoingData {
  readonly opcode: typeof OPCODE.TEXT | typeof OPCODE.BINARY;
  readonly data: string | Uint8Array;
}

/**
 * Decides opcode and bytes of a payload.
 * @param reusable As of {@link payloadBytes}.
 * @param binary `false` sends bytes as text, `true` a string as binary; by default the type decides.
 * @throws MisuseError `ERR_ARGUMENT` for an impossible payload, and for bytes that are to go out as text but are not UTF-8.
 */
export function outgoing(
  payload: Payload,
  binary: boolean | undefined,
  reusable?: ReusableBytes,
): OutgoingData {
  if (typeof payload === 'string') {
    return binary === true
      ? { opcode: OPCODE.BINARY, data: Buffer.from(payload, 'utf8') }
      : { opcode: OPCODE.TEXT, data: payload };
  }
  const data = payloadBytes(payload, reusable);
  if (binary !== false) return { opcode: OPCODE.BINARY, data };
  if (reusable?.isReceivedText(payload as ArrayBufferView, data) !== true && !isUtf8(data))
    throw new MisuseError('ERR_ARGUMENT', 'payload is to go out as text, but is not UTF-8');
  return { opcode: OPCODE.TEXT, data };
}
