import { Blob, Buffer } from 'node:buffer';

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
 * Returns the bytes of data that is no string. Views on ordinary memory are not copied.
 * @throws TypeError of `Buffer.from` for what it cannot read.
 */
export function bytesOf(data: unknown): Uint8Array {
  if (ArrayBuffer.isView(data)) {
    const { buffer, byteOffset, byteLength } = data;
    // Other threads may change shared memory while it is sent.
    if (!(buffer instanceof ArrayBuffer))
      return Uint8Array.from(new Uint8Array(buffer, byteOffset, byteLength));
    return data instanceof Uint8Array ? data : new Uint8Array(buffer, byteOffset, byteLength);
  }
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return Buffer.from(data as Uint8Array);
}

/** Returns the bytes of the data of a ping or pong, or of a Blob that was read. */
export const controlBytes = (data: unknown): Uint8Array =>
  typeof data === 'string' ? Buffer.from(data) : bytesOf(data);

/** Returns the size of data in bytes, as `bufferedAmount` counts it. */
export function sizeOf(data: unknown): number {
  if (typeof data === 'string') return Buffer.byteLength(data);
  return isBlob(data) ? data.size : bytesOf(data).length;
}
