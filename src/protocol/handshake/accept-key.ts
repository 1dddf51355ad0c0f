import crypto from 'node:crypto';

/** Appended to the key, so that nobody answers it who does not know WebSocket (§1.3). */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** 16 bytes in base64. The bits of padding are not judged: the key is compared with nothing (§4.2.1). */
const KEY = /^[A-Za-z0-9+/]{22}==$/;

/** Whether `text` can be a `Sec-WebSocket-Key`: 16 bytes in base64, so 24 characters (§4.2.1). */
export const isValidKey = (text: string): boolean => text.length === 24 && KEY.test(text);

/**
 * Makes {@link acceptValue} on one of the two interfaces to SHA-1 that Node has.
 * @param oneShot `hash` of `node:crypto`, about half the cost of a `Hash` object; absent on older platforms.
 */
export function acceptFunction(oneShot: typeof crypto.hash | undefined): (key: string) => string {
  if (oneShot === undefined) {
    return (key) =>
      crypto
        .createHash('sha1')
        .update(key + GUID, 'latin1')
        .digest('base64');
  }
  return (key) => oneShot('sha1', key + GUID, 'base64');
}

/**
 * What `Sec-WebSocket-Accept` says for a key: 28 characters. SHA-1 is prescribed (§4.2.2); it proves that the server has
 * understood the request, and protects nothing.
 * @param key As sent, trimmed.
 */
export const acceptValue: (key: string) => string = acceptFunction(crypto.hash);
