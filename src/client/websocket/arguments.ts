import { Buffer } from 'node:buffer';
import { toUSVString } from 'node:util';
import { refuseArgument } from '../../options/call-check.ts';
import type { ConnectOptions } from '../../options/connect-options.ts';
import { isToken } from '../../protocol/handshake/fields.ts';

/** Options of `WebSocket`: those of `connect`. `protocols` may also be one string. */
export interface WebSocketOptions extends Omit<ConnectOptions, 'protocols'> {
  /** Subprotocols to offer, in order of preference, without duplicates. Default: none. */
  readonly protocols?: string | readonly string[] | undefined;
}

/** The arguments of the constructor, once they were checked. */
export interface GivenTarget {
  readonly url: URL;
  readonly options: ConnectOptions;
}

const SCHEMES: Readonly<Record<string, string>> = Object.freeze({
  'ws:': 'ws:',
  'wss:': 'wss:',
  'http:': 'ws:',
  'https:': 'wss:',
});
const MAX_REASON_BYTES = 123;
const MAX_UNSIGNED_SHORT = 65_535;

const fault = (name: string, message: string): DOMException => new DOMException(message, name);

/** Converts to a string of whole code points, as Web IDL does. @throws TypeError For a symbol. */
export const asText = (value: unknown): string => toUSVString(value as string);

/** @throws DOMException `SyntaxError`. */
function readUrl(given: unknown): URL {
  const text = asText(given);
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw fault(
      'SyntaxError',
      'The URL is not an absolute URL; Node has no page that it could be relative to',
    );
  }
  const scheme = SCHEMES[url.protocol];
  if (scheme === undefined)
    throw fault('SyntaxError', `The scheme of the URL is ${url.protocol}, not ws:, wss:, http: or https:`);
  // `hash` is also empty for an empty fragment.
  if (url.href.includes('#')) throw fault('SyntaxError', 'The URL has a fragment; remove it');
  url.protocol = scheme;
  return url;
}

/** @throws DOMException `SyntaxError`. */
function readProtocols(given: unknown): readonly string[] {
  if (given === undefined) return [];
  const isList = typeof given === 'object' && given !== null && Symbol.iterator in given;
  const protocols = isList ? Array.from(given as Iterable<unknown>, asText) : [asText(given)];
  for (const [at, protocol] of protocols.entries()) {
    if (!isToken(protocol)) throw fault('SyntaxError', `The subprotocol '${protocol}' is not a token`);
    if (protocols.indexOf(protocol) !== at)
      throw fault('SyntaxError', `The subprotocol '${protocol}' occurs twice`);
  }
  return protocols;
}

const isOptions = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !(Symbol.iterator in value);

/**
 * Reads the arguments of `new WebSocket(url, protocols, options)`. As in undici, an object in the place of `protocols` is the
 * options.
 * @throws DOMException `SyntaxError` for the URL or a subprotocol. TypeError without a URL. MisuseError `ERR_ARGUMENT` for
 *   options that are no object, or given twice.
 */
export function readTarget(given: ArrayLike<unknown>): GivenTarget {
  if (given.length === 0) throw new TypeError('new WebSocket(url, protocols, options) needs a URL');
  const [url, second, third] = [given[0], given[1], given[2]];
  const isSecond = isOptions(second);
  if (isSecond && third !== undefined)
    refuseArgument('new WebSocket', 'options', third, 'given once, as the second or as the third argument');
  if (third !== undefined && !isOptions(third))
    refuseArgument('new WebSocket', 'options', third, 'an object; its names are those of connect');
  const options = ((isSecond ? second : third) ?? {}) as WebSocketOptions;
  const named = isSecond || second === undefined ? options.protocols : second;
  return { url: readUrl(url), options: { ...options, protocols: readProtocols(named) } };
}

/** Converts to an `unsigned short` with `[Clamp]` (Web IDL): rounds half to even, as browsers do. */
function clamped(value: unknown): number {
  const number = Number(value);
  if (Number.isNaN(number)) return 0;
  const limited = Math.min(Math.max(number, 0), MAX_UNSIGNED_SHORT);
  const floor = Math.floor(limited);
  const fraction = limited - floor;
  return fraction > 0.5 || (fraction === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

/**
 * Reads the arguments of `close`.
 * @returns The code and reason to send; `undefined` for a Close without a body.
 * @throws DOMException `InvalidAccessError` for a code, `SyntaxError` for a reason of more than 123 bytes.
 */
export function readClose(
  code: unknown,
  reason: unknown,
): { readonly code: number; readonly reason: string } | undefined {
  const number = code === undefined ? undefined : clamped(code);
  if (number !== undefined && number !== 1000 && !(number >= 3000 && number <= 4999))
    throw fault('InvalidAccessError', `The close code ${number} is neither 1000 nor in 3000 to 4999`);
  const text = reason === undefined ? '' : asText(reason);
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_REASON_BYTES)
    throw fault('SyntaxError', `The reason has ${bytes} bytes; at most ${MAX_REASON_BYTES} are allowed`);
  if (number === undefined && text === '') return undefined;
  return { code: number ?? 1000, reason: text };
}
