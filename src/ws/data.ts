import { Blob, Buffer } from 'node:buffer';
import { NO_CODE } from '../protocol/close.ts';
import { isResizable, isUnchanged, payloadBytes } from '../protocol/payload.ts';

/** What `send`, `ping` and `pong` accept, besides anything that `Buffer.from` accepts. */
export type SendData =
  | string
  | number
  | ArrayBufferView
  | ArrayBufferLike
  | Blob
  | readonly unknown[]
  | object;

export const NOTHING: Buffer = Buffer.alloc(0);

export const isBlob = (data: unknown): data is Blob => data instanceof Blob;

/**
 * Returns the bytes of data that is no string. Views on ordinary memory are not copied. What a view says about itself may be
 * false: then the platform decides, so that no foreign memory is sent.
 * @throws TypeError of `Buffer.from` for what it cannot read, and for a buffer that was transferred away.
 */
export function bytesOf(data: unknown): Uint8Array {
  if (ArrayBuffer.isView(data)) return viewedBytes(data);
  if (data instanceof ArrayBuffer) {
    const bytes = new Uint8Array(data);
    return isResizable(data) ? Uint8Array.from(bytes) : bytes;
  }
  return Buffer.from(data as Uint8Array);
}

function viewedBytes(view: ArrayBufferView): Uint8Array {
  const { buffer } = view;
  // Other threads may change shared memory while it is sent.
  if (!(buffer instanceof ArrayBuffer))
    return Uint8Array.from(new Uint8Array(buffer, view.byteOffset, view.byteLength));
  if (view instanceof Uint8Array && isUnchanged(view)) return view;
  return view.byteLength === 0 ? NOTHING : payloadBytes(view);
}

/** Returns the bytes of the data of a ping or pong, or of a Blob that was read. */
export const controlBytes = (data: unknown): Uint8Array =>
  typeof data === 'string' ? Buffer.from(data) : bytesOf(data);

/** Returns the size of data in bytes, as `bufferedAmount` counts it. */
export function sizeOf(data: unknown): number {
  if (typeof data === 'string') return Buffer.byteLength(data);
  return isBlob(data) ? data.size : bytesOf(data).length;
}

/** @throws TypeError RangeError With the messages of `ws`, for what a Close cannot carry. */
export function closeArguments(
  code: unknown,
  reason: unknown,
): { readonly code: number; readonly reason: string } {
  if (code === undefined) return { code: NO_CODE, reason: '' };
  const isValid =
    typeof code === 'number' &&
    ((code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) ||
      (code >= 3000 && code <= 4999));
  if (!isValid) throw new TypeError('First argument must be a valid error code number');
  if (reason === undefined || reason === null || (reason as string).length === 0) return { code, reason: '' };
  if (Buffer.byteLength(reason as string) > 123)
    throw new RangeError('The message must not be greater than 123 bytes');
  if (typeof reason !== 'string' && !(reason instanceof Uint8Array))
    throw new TypeError('Second argument must be a string or a Uint8Array');
  return { code, reason: typeof reason === 'string' ? reason : Buffer.from(reason).toString() };
}
