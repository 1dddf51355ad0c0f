import crypto from 'node:crypto';

/** Fixed GUID appended to the key; proves that the server understands WebSocket (§1.3). */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** 16 bytes in base64. Padding bits are not checked: the key is never compared (§4.2.1). */
const KEY = /^[A-Za-z0-9+/]{22}==$/;

/** Whether `text` can be a `Sec-WebSocket-Key`: 16 bytes in base64, so 24 characters (§4.2.1). */
export const isValidKey = (text: string): boolean => text.length === 24 && KEY.test(text);

/** `crypto.hash` of Node, written out: the declarations then name no module that a page cannot have. */
type OneShotHash = (algorithm: string, data: string, encoding: 'base64') => string;

/**
 * Creates {@link acceptValue} on one of Node's two SHA-1 interfaces.
 * @param oneShot `hash` of `node:crypto`, about half the cost of a `Hash` object; absent on older platforms.
 */
export function acceptFunction(oneShot: OneShotHash | undefined): (key: string) => string {
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
 * Returns the `Sec-WebSocket-Accept` value for a key: 28 characters. §4.2.2 prescribes SHA-1. It proves that the server
 * understood the request and protects nothing.
 * @param key As sent, trimmed.
 */
export const acceptValue: (key: string) => string = /* @__PURE__ */ (() => acceptFunction(crypto.hash))();
