import { Buffer, isUtf8 } from 'node:buffer';
import { OPCODE } from './constants.ts';
import { MisuseError } from './errors.ts';
import type { ReusableBytes } from './reusable-bytes.ts';

/** What an application sends: a string is sent as text, bytes as binary. */
export type Payload = string | ArrayBufferView | ArrayBuffer;

/**
 * What an application receives: text as a string, binary as a Buffer that it may keep. A binary message of 65 to 4,096 bytes shares
 * memory of at most 16,392 bytes with messages that the same read of the same connection has brought: respect its `byteOffset`, and
 * copy it (`new Uint8Array(message)`) before you keep it for long or transfer its `.buffer`.
 */
export type Message = string | Buffer;

const describe = (value: unknown): string => {
  if (value === null) return 'null';
  if (typeof value !== 'object') return typeof value;
  const name: unknown = value.constructor?.name;
  return typeof name === 'string' && name !== '' ? name : 'an object';
};

/** Returns a hint what to send instead of an invalid payload. */
function instead(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint')
    return '; send String(value)';
  if (typeof value !== 'object' || value === null) return '';
  if ('then' in value) return '; await it first';
  if ('arrayBuffer' in value) return '; send await value.arrayBuffer()';
  // Values without a JSON form, such as a Map, would arrive as {}.
  const isPlain = ['Object', 'Array'].includes(describe(value)) || 'toJSON' in value;
  return isPlain ? '; send JSON.stringify(value)' : '';
}

/**
 * Up to this size, views of the application are used directly, because their bytes are copied before `send` returns.
 */
const MAX_LENT_BYTES = 16_384;

/**
 * Returns a getter of the platform. It reads the object itself, not a property that the application has defined.
 * @returns A function that returns `undefined` on a runtime without the getter.
 */
function platformGetter(prototype: object, name: PropertyKey): (of: unknown) => unknown {
  const { get } = { ...Object.getOwnPropertyDescriptor(prototype, name) } as {
    get?: (this: unknown) => unknown;
  };
  return (of) => get?.call(of);
}

const bufferByteLength = /* @__PURE__ */ platformGetter(ArrayBuffer.prototype, 'byteLength');
const typedArray = /* @__PURE__ */ Object.getPrototypeOf(Uint8Array.prototype) as object;
/** Returns `undefined` for anything but a typed array. */
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

/** Apart from {@link ofTypedArray}: V8 calls a constant getter directly. */
const typedArrayBytes = /* @__PURE__ */ (
  Object.getOwnPropertyDescriptor(typedArray, 'byteLength') as {
    readonly get: (this: unknown) => number;
  }
).get;

/**
 * Returns the length of a typed array in bytes as the platform knows it, ignoring properties that the application has
 * defined.
 */
export const trueLength = (bytes: Uint8Array): number => typedArrayBytes.call(bytes);

/** True for a `Uint8Array` of any realm, whatever properties the application has defined. */
export const isBytes = (value: object): value is Uint8Array => typedArrayKind(value) === 'Uint8Array';

/**
 * Returns the library's own view of the same bytes, so that no property of the application's view is read afterwards.
 */
export const ownView = (bytes: Uint8Array): Uint8Array =>
  new Uint8Array(ofTypedArray.buffer(bytes), ofTypedArray.byteOffset(bytes), trueLength(bytes));

/** True for an ArrayBuffer of any realm, but not for shared memory. */
function isArrayBuffer(value: unknown): value is ArrayBuffer {
  try {
    bufferByteLength(value);
    return true;
  } catch {
    return false;
  }
}

/**
 * Returns exactly the bytes of a binary payload, without a copy. Memory that can change its size is copied.
 * @param reusable Knows the message being delivered, which needs no further checks.
 * @throws MisuseError `ERR_ARGUMENT` for anything else, including shared memory and detached buffers.
 */
export function payloadBytes(payload: ArrayBufferView | ArrayBuffer, reusable?: ReusableBytes): Uint8Array {
  // Reading the memory of a view is expensive, above all for small views. The memory of a received message is known.
  if (reusable?.isReceived(payload) === true && isUnchanged(payload as Uint8Array))
    return payload as Uint8Array;
  return checkedBytes(payload);
}

/** Apart from {@link payloadBytes}, which stays small enough to be inlined. */
function checkedBytes(payload: ArrayBufferView | ArrayBuffer): Uint8Array {
  if (ArrayBuffer.isView(payload)) return viewedBytes(payload);
  if (!isArrayBuffer(payload)) {
    throw new MisuseError(
      'ERR_ARGUMENT',
      `payload must be a string, an ArrayBuffer or a view on one, not ${describe(payload)}${instead(payload)}`,
    );
  }
  return bytesAt(payload, 0, undefined);
}

function viewedBytes(view: ArrayBufferView): Uint8Array {
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
  // Our own view: properties of the application's view may be false now or later, and reading them costs more.
  return bytesAt(buffer, byteOffset, byteLength);
}

/**
 * True for a delivered message that is not detached and states its true length. Its `length` may still be a getter that
 * changes its result, so frames are built with {@link trueLength}. Checking own properties would cost a fifth of an
 * echo.
 */
export function isUnchanged(message: Uint8Array): boolean {
  const { length } = message;
  return length > 0 && length < MAX_LENT_BYTES && length === trueLength(message);
}

/** @param byteLength `undefined` for the rest of the buffer. */
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

export const isResizable = (buffer: ArrayBuffer): boolean => resizable(buffer) === true;

/** How a payload is sent, after the `binary` option was applied. */
export interface OutgoingData {
  readonly opcode: typeof OPCODE.TEXT | typeof OPCODE.BINARY;
  readonly data: string | Uint8Array;
}

/**
 * Determines opcode and bytes of a payload.
 * @param reusable As in {@link payloadBytes}.
 * @param binary `false` sends bytes as text, `true` sends a string as binary; by default the type decides.
 * @throws MisuseError `ERR_ARGUMENT` for an invalid payload, and for bytes to be sent as text that are not UTF-8.
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

/** Size of a valid payload in bytes; of a string, in UTF-8. */
export function payloadLength(payload: Payload): number {
  if (typeof payload === 'string') return Buffer.byteLength(payload);
  if (!ArrayBuffer.isView(payload)) return bufferByteLength(payload) as number;
  // Not by its memory, which V8 allocates for a small view when it is first read.
  return (typedArrayKind(payload) === undefined ? ofDataView : ofTypedArray).byteLength(payload);
}

/** Whether a payload is sent as text. @param binary As in {@link outgoing}. */
export const isTextPayload = (payload: Payload, binary: boolean | undefined): boolean =>
  binary === undefined ? typeof payload === 'string' : !binary;
