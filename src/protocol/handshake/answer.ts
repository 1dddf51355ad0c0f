import { Buffer } from 'node:buffer';
import { ERRORS, type HandshakeErrorCode, MisuseError } from '../errors.ts';
import { acceptValue, isValidKey } from './accept-key.ts';
import { checkField, type FieldList, renderField } from './field-text.ts';

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

/** A refusal of the handshake, for any version of HTTP. */
export interface RefusalResponse {
  readonly status: number;
  /** Without fields that belong to a connection of HTTP/1.1. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** One ASCII sentence. */
  readonly body: string;
}

/**
 * The response to a handshake that is refused. It repeats nothing from the request.
 * @throws MisuseError `ERR_ARGUMENT` if `retryAfterSeconds` is not a whole number above 0.
 */
export function refusalResponse(code: HandshakeErrorCode, options: RefusalOptions = {}): RefusalResponse {
  const { status, says } = ERRORS[code];
  const { retryAfterSeconds } = options;
  const body = sentence(GENERIC.get(status) ?? says);
  const headers: [string, string][] = status === 426 ? [['Sec-WebSocket-Version', '13']] : [];
  headers.push(['Content-Type', 'text/plain; charset=utf-8'], ['Content-Length', String(body.length)]);
  if (!GENERIC.has(status)) headers.push(['X-WebSocket-Error', code]);
  if (retryAfterSeconds !== undefined && (status === 429 || status === 503)) {
    if (!Number.isSafeInteger(retryAfterSeconds) || retryAfterSeconds < 1) {
      throw new MisuseError('ERR_ARGUMENT', 'retryAfterSeconds must be a whole number above 0');
    }
    headers.push(['Retry-After', String(retryAfterSeconds)]);
  }
  return { status, headers, body };
}

/**
 * Renders a refusal of the handshake: one ASCII sentence that repeats nothing from the request.
 * @throws MisuseError `ERR_ARGUMENT` if `retryAfterSeconds` is not a whole number above 0.
 */
export function renderRefusal(code: HandshakeErrorCode, options: RefusalOptions = {}): string {
  const { status, headers, body } = refusalResponse(code, options);
  // §4.4; RFC 9110 §15.5.22 requires that a 426 names the protocol in Upgrade
  let text = `${statusLine(status)}${status === 426 ? 'Upgrade: websocket\r\nConnection: Upgrade, close' : 'Connection: close'}\r\n`;
  for (const [name, value] of headers) text += `${name}: ${value}\r\n`;
  return `${text}\r\n${body}`;
}

const sentence = (text: string): string => `${text[0]!.toUpperCase()}${text.slice(1)}.\n`;

export interface ResponseOptions {
  /** Counts the body in `Content-Length` but does not send it: the response to HEAD. Default `false`. */
  readonly withoutBody?: boolean;
}

/**
 * Fields that describe a connection and not the response (RFC 9110 §7.6.1). {@link responseFields} drops them.
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
 * The header fields of a response, for any version of HTTP: sets `Content-Length`, and drops it and the fields of a connection from
 * `headers`.
 * @param status 200 to 599.
 * @throws MisuseError `ERR_ARGUMENT` for another status, a body with 204 or 304, a name that is not a token, or a value
 *   with a control character or a character above U+00FF.
 */
export function responseFields(
  status: number,
  headers: FieldList,
  body: Uint8Array,
): (readonly [name: string, value: string])[] {
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new MisuseError('ERR_ARGUMENT', `a response has a status from 200 to 599, not ${String(status)}`);
  }
  const isBodiless = status === 204 || status === 304;
  if (isBodiless && body.length > 0) {
    throw new MisuseError('ERR_ARGUMENT', `a response with status ${status} has no body`);
  }
  const fields: (readonly [string, string])[] = [];
  for (const field of headers) {
    const [name, value] = field;
    checkField(name, value);
    if (!PER_CONNECTION.has(name.toLowerCase())) fields.push(field);
  }
  // RFC 9110 §8.6 forbids it with 204; with 304 it would describe another response
  if (!isBodiless) fields.push(['Content-Length', String(body.length)]);
  return fields;
}

/**
 * Renders a plain HTTP response that ends the connection, with the fields of {@link responseFields} and `Connection`.
 * @param status 200 to 599.
 * @param body Copied.
 * @throws MisuseError `ERR_ARGUMENT` as {@link responseFields}.
 */
export function renderResponse(
  status: number,
  headers: FieldList,
  body: Uint8Array,
  options: ResponseOptions = {},
): Buffer {
  const fields = responseFields(status, headers, body);
  let text = statusLine(status);
  for (const [name, value] of fields) text += `${name}: ${value}\r\n`;
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
