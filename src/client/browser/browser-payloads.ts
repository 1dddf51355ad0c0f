import { MisuseError } from '../../protocol/errors.ts';
import type { PayloadTools } from '../reconnect/offline-queue.ts';
import type { Payload } from './browser-events.ts';

/** Characters that one call of `String.fromCharCode` takes. */
const CHUNK = 8_192;

const bytesOfView = (payload: ArrayBuffer | ArrayBufferView): Uint8Array =>
  ArrayBuffer.isView(payload)
    ? new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength)
    : new Uint8Array(payload);

/** @throws MisuseError `ERR_ARGUMENT` for anything but a string and bytes. */
export function checkedPayload(payload: unknown): string | Uint8Array {
  if (typeof payload === 'string') return payload;
  if (ArrayBuffer.isView(payload) || payload instanceof ArrayBuffer) return bytesOfView(payload);
  throw new MisuseError(
    'ERR_ARGUMENT',
    'payload must be a string, an ArrayBuffer or a view on one; send JSON.stringify(value), or await blob.arrayBuffer()',
  );
}

/** Length of a text as UTF-8. */
export const utf8Length = (text: string): number => new TextEncoder().encode(text).length;

/** Payloads in a browser. */
export const BROWSER_PAYLOADS: PayloadTools<Payload, undefined> = {
  bytesOf: (payload) => {
    const data = checkedPayload(payload);
    return typeof data === 'string' ? utf8Length(data) : data.length;
  },
  copyOf: (payload) => {
    const data = checkedPayload(payload);
    return typeof data === 'string' ? data : data.slice();
  },
};

export function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += CHUNK)
    text += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return btoa(text);
}

/** @throws For text that is not base64. */
export const fromBase64 = (text: string): Uint8Array =>
  Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
