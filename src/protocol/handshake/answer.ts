import { Buffer } from 'node:buffer';
import { ERRORS, type HandshakeErrorCode, MisuseError } from '../errors.ts';
import { acceptValue, isValidKey } from './accept-key.ts';
import { type FieldList, renderField } from './field-text.ts';

export type { FieldList } from './field-text.ts';

/** The answer of a server that accepts the handshake (§4.2.2). */
export interface UpgradeAnswer {
  /** `Sec-WebSocket-Key` of the request. */
  readonly key: string;
  /** The chosen subprotocol, one of those that the client offered; empty for none. */
  readonly protocol: string;
  /** Value of `Sec-WebSocket-Extensions`; empty for none. */
  readonly extensions: string;
  /** Further fields. Those above must not be among them. Default: none. */
  readonly headers?: FieldList;
}

/**
 * The head of a 101 response, which opens a connection (§4.2.2). Write it as Latin-1 and in one piece.
 * @throws MisuseError `ERR_ARGUMENT` for a key that is not a `Sec-WebSocket-Key`, a name that is not a token, or a value
 *   with characters that HTTP does not allow.
 */
export function renderUpgrade({ key, protocol, extensions, headers }: UpgradeAnswer): string {
  if (!isValidKey(key)) throw new MisuseError('ERR_ARGUMENT', 'the key is not a Sec-WebSocket-Key');
  let text = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptValue(key)}\r\n`;
  if (protocol !== '') text += renderField('Sec-WebSocket-Protocol', protocol);
  if (extensions !== '') text += renderField('Sec-WebSocket-Extensions', extensions);
  if (headers !== undefined) for (const [name, value] of headers) text += renderField(name, value);
  return `${text}\r\n`;
}

/** Options of {@link renderRefusal}. */
export interface RefusalOptions {
  /** Whole seconds, already jittered. Sent with 429 and 503 only: after other statuses a retry does not help. */
  readonly retryAfterSeconds?: number;
}

/** Bodies for statuses that reveal nothing about the server. */
const GENERIC: ReadonlyMap<number, string> = new Map([
  [403, 'this request is not allowed'],
  [404, 'there is nothing here'],
  [500, 'the server could not answer this request'],
]);

/**
 * Renders a refusal of the handshake: one ASCII sentence that repeats nothing from the request.
 * @throws MisuseError `ERR_ARGUMENT` if `retryAfterSeconds` is not a whole number above 0.
 */
export function renderRefusal(code: HandshakeErrorCode, options: RefusalOptions = {}): string {
  const { status, says } = ERRORS[code];
  const { retryAfterSeconds } = options;
  const body = sentence(GENERIC.get(status) ?? says);
  let text = statusLine(status);
  if (status === 426) {
    // §4.4; RFC 9110 §15.5.22 requires that a 426 names the protocol in Upgrade
    text += 'Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n';
  } else text += 'Connection: close\r\n';
  text += `Content-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\n`;
  if (!GENERIC.has(status)) text += `X-WebSocket-Error: ${code}\r\n`;
  if (retryAfterSeconds !== undefined && (status === 429 || status === 503)) {
    if (!Number.isSafeInteger(retryAfterSeconds) || retryAfterSeconds < 1) {
      throw new MisuseError('ERR_ARGUMENT', 'retryAfterSeconds must be a whole number above 0');
    }
    text += `Retry-After: ${retryAfterSeconds}\r\n`;
  }
  return `${text}\r\n${body}`;
}

const sentence = (text: string): string => `${text[0]!.toUpperCase()}${text.slice(1)}.\n`;

export interface ResponseOptions {
  /** Counts the body in `Content-Length` but does not send it: the response to HEAD. Default `false`. */
  readonly withoutBody?: boolean;
}

/**
 * Fields that describe this connection and not the response (RFC 9110 §7.6.1). `renderResponse` drops them from
 * `headers`.
 */
const PER_CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Renders a plain HTTP response that ends the connection. It sets `Content-Length` and `Connection` itself, and drops
 * these and other per-connection fields from `headers`.
 * @param status 200 to 599.
 * @param body Copied.
 * @throws MisuseError `ERR_ARGUMENT` for another status, a body with 204 or 304, a name that is not a token, or a value
 *   with a control character or a character above U+00FF.
 */
export function renderResponse(
  status: number,
  headers: FieldList,
  body: Uint8Array,
  options: ResponseOptions = {},
): Buffer {
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new MisuseError('ERR_ARGUMENT', `a response has a status from 200 to 599, not ${String(status)}`);
  }
  const isBodiless = status === 204 || status === 304;
  if (isBodiless && body.length > 0) {
    throw new MisuseError('ERR_ARGUMENT', `a response with status ${status} has no body`);
  }
  let text = statusLine(status);
  for (const [name, value] of headers) {
    const field = renderField(name, value);
    if (!PER_CONNECTION.has(name.toLowerCase())) text += field;
  }
  // RFC 9110 §8.6 forbids it with 204; with 304 it would describe another response
  if (!isBodiless) text += `Content-Length: ${body.length}\r\n`;
  const head = Buffer.from(`${text}Connection: close\r\n\r\n`, 'latin1');
  return options.withoutBody === true || body.length === 0 ? head : Buffer.concat([head, body]);
}

/** The reason phrase may be empty, but the space before it is required (RFC 9112 §4). */
const statusLine = (status: number): string => `HTTP/1.1 ${status} ${REASONS.get(status) ?? ''}\r\n`;

const REASONS: ReadonlyMap<number, string> = new Map([
  [200, 'OK'],
  [201, 'Created'],
  [202, 'Accepted'],
  [204, 'No Content'],
  [206, 'Partial Content'],
  [301, 'Moved Permanently'],
  [302, 'Found'],
  [303, 'See Other'],
  [304, 'Not Modified'],
  [307, 'Temporary Redirect'],
  [308, 'Permanent Redirect'],
  [400, 'Bad Request'],
  [401, 'Unauthorized'],
  [403, 'Forbidden'],
  [404, 'Not Found'],
  [405, 'Method Not Allowed'],
  [406, 'Not Acceptable'],
  [408, 'Request Timeout'],
  [409, 'Conflict'],
  [410, 'Gone'],
  [411, 'Length Required'],
  [413, 'Content Too Large'],
  [415, 'Unsupported Media Type'],
  [422, 'Unprocessable Content'],
  [426, 'Upgrade Required'],
  [429, 'Too Many Requests'],
  [431, 'Request Header Fields Too Large'],
  [500, 'Internal Server Error'],
  [501, 'Not Implemented'],
  [502, 'Bad Gateway'],
  [503, 'Service Unavailable'],
  [504, 'Gateway Timeout'],
]);
