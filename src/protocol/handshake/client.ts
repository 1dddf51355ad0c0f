import { Buffer } from 'node:buffer';
import { HandshakeError, MisuseError } from '../errors.ts';
import { acceptValue } from './accept-key.ts';
import { type ExtensionOffer, parseExtensions } from './extension-list.ts';
import { type FieldList, renderField } from './field-text.ts';
import { isFieldValue, isToken, listContains, listMembers } from './fields.ts';
import type { ResponseHead } from './response-head.ts';

/** Random bytes in a `Sec-WebSocket-Key` (§4.1). */
export const KEY_BYTES = 16;

/** The extensions that a client offers, and the judge of the answer (§9.1). One object serves one handshake. */
export interface ExtensionClient {
  /** Value of `Sec-WebSocket-Extensions` in the request; empty: the field is left out. */
  readonly offer: string;
  /**
   * Called for an answer that names at least one extension.
   * @returns What is wrong with the answer, as part of a sentence; `undefined` accepts it.
   */
  fault(answer: readonly ExtensionOffer[]): string | undefined;
}

/** Offers no extension, so any extension in the response is a fault. */
export const NO_EXTENSIONS: ExtensionClient = /* @__PURE__ */ Object.freeze({
  offer: '',
  fault: ([first]: readonly ExtensionOffer[]) => `the extension ${first!.name} was not requested`,
});

/** The opening handshake of a client (§4.1), as data. */
export interface UpgradeRequestHead {
  /** Path and query: visible ASCII, starts with `/`. */
  readonly target: string;
  /** Value of `Host`: the host, and the port unless it is the default. */
  readonly host: string;
  /** `Sec-WebSocket-Key`, from {@link makeKey}. */
  readonly key: string;
  /** Subprotocols in order of preference. */
  readonly protocols: readonly string[];
  readonly extensions: ExtensionClient;
  /** Empty for no field. */
  readonly origin: string;
  /** Further fields. Those above must not be among them. */
  readonly headers: FieldList;
}

/**
 * Makes a `Sec-WebSocket-Key` (§4.1).
 * @param bytes {@link KEY_BYTES} unpredictable bytes, fresh for each connection.
 */
export const makeKey = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/**
 * The head of the request that asks for a connection (§4.1). Write it as Latin-1 and in one piece.
 * @throws MisuseError `ERR_ARGUMENT` for a name that is not a token, or a value with characters that HTTP does not allow.
 */
export function renderUpgradeRequest(request: UpgradeRequestHead): string {
  const { target, host, key, protocols, extensions, origin, headers } = request;
  let text = `GET ${target} HTTP/1.1\r\n${renderField('Host', host)}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n`;
  if (protocols.length > 0) text += renderField('Sec-WebSocket-Protocol', protocols.join(', '));
  if (extensions.offer !== '') text += renderField('Sec-WebSocket-Extensions', extensions.offer);
  if (origin !== '') text += renderField('Origin', origin);
  for (const [name, value] of headers) text += renderField(name, value);
  return `${text}\r\n`;
}

/** Fields that an application cannot set, with what to use instead if there is something. */
const OURS: ReadonlyMap<string, string> = new Map([
  ['host', 'it is that of the URL; the option lookup says which address that is'],
  ['upgrade', ''],
  ['connection', ''],
  ['content-length', ''],
  ['transfer-encoding', ''],
  ['origin', 'there is an option origin'],
  ['sec-websocket-protocol', 'there is an option protocols'],
]);

/**
 * Checks the header fields that an application wants to send with the request.
 * @returns The same fields as a list: an iterable may yield them only once.
 * @throws MisuseError `ERR_OPTION` for a name that is not a token or is reserved, or for a value that HTTP does not
 *   allow.
 */
export function checkRequestHeaders(headers: FieldList): readonly (readonly [name: string, value: string])[] {
  const list: (readonly [string, string])[] = [];
  for (const [name, value] of headers) {
    if (typeof name !== 'string' || !isToken(name)) {
      throw new MisuseError('ERR_OPTION', 'headers has a name that is not a token');
    }
    const lowerCase = name.toLowerCase();
    const instead = OURS.get(lowerCase);
    if (instead !== undefined || lowerCase.startsWith('sec-websocket-')) {
      const hint = instead === undefined || instead === '' ? '' : `: ${instead}`;
      throw new MisuseError('ERR_OPTION', `headers cannot have ${name}${hint}`);
    }
    if (typeof value !== 'string' || !isFieldValue(value)) {
      throw new MisuseError(
        'ERR_OPTION',
        `headers has a value for ${name} that is no string, or holds characters that HTTP does not allow`,
      );
    }
    list.push([name, value]);
  }
  return list;
}

/** The result of an accepted handshake. */
export interface Agreement {
  /** The subprotocol; empty for none. */
  readonly protocol: string;
  /** `Sec-WebSocket-Extensions` of the response; empty for none. */
  readonly extensions: string;
}

/**
 * Checks a response with status 101 (§4.1).
 * @param expected What `Sec-WebSocket-Accept` must be: {@link acceptValue} of the key.
 * @returns The agreement, or the fault as part of a sentence.
 */
export function judgeUpgrade(
  { httpVersion, fields }: ResponseHead,
  request: Pick<UpgradeRequestHead, 'key' | 'protocols' | 'extensions'>,
  expected: string = acceptValue(request.key),
): Agreement | string {
  if (httpVersion !== '1.1') return `its version is HTTP/${httpVersion}, not HTTP/1.1`;
  const [upgrade, ...others] = listMembers(fields.get('upgrade') ?? '');
  if (upgrade?.toLowerCase() !== 'websocket' || others.length > 0)
    return 'its Upgrade field is not "websocket"';
  if (!listContains(fields.get('connection') ?? '', 'upgrade'))
    return 'its Connection field does not contain "upgrade"';
  const accept = fields.get('sec-websocket-accept');
  if (accept === undefined) return 'it has no Sec-WebSocket-Accept';
  // two joined values are not valid base64
  if (accept !== expected) return 'its Sec-WebSocket-Accept does not belong to our key';
  const [protocol = '', ...more] = listMembers(fields.get('sec-websocket-protocol') ?? '');
  if (more.length > 0 || (protocol !== '' && !request.protocols.includes(protocol)))
    return 'it chose a subprotocol that was not requested';
  const extensions = fields.get('sec-websocket-extensions') ?? '';
  if (!hasMembers(extensions)) return { protocol, extensions: '' };
  return extensionsFault(extensions, request.extensions) ?? { protocol, extensions };
}

/** Whether a list has a non-empty member: an empty field selects nothing (RFC 9110 §5.6.1.2). */
const hasMembers = (list: string): boolean => /[^,\t ]/.test(list);

function extensionsFault(value: string, client: ExtensionClient): string | undefined {
  try {
    return client.fault(parseExtensions(value));
  } catch (error) {
    if (error instanceof HandshakeError) return 'its Sec-WebSocket-Extensions is malformed';
    throw error;
  }
}
