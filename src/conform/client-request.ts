import type { Buffer } from 'node:buffer';
import { isValidKey } from '../protocol/index.ts';
import type { RawClient } from '../testing/index.ts';
import type { ClientRequest } from './response.ts';

/** The request head of a client, parsed but not checked. */
export interface ReceivedRequest extends ClientRequest {
  readonly text: string;
  /** Values by name in lower case, in order. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
  /** Value of `User-Agent`; empty without one. */
  readonly userAgent: string;
  /** Value of `Sec-WebSocket-Extensions`; empty if nothing is offered. */
  readonly extensions: string;
}

/** A connection of a client, with its request. */
export interface Arrival {
  readonly raw: RawClient;
  readonly request: ReceivedRequest;
}

const list = (values: readonly string[] | undefined): string[] =>
  (values ?? []).flatMap((value) => value.split(',').map((one) => one.trim())).filter((one) => one !== '');

export function readRequest(head: Buffer): ReceivedRequest {
  const text = head.toString('latin1');
  const fields = new Map<string, string[]>();
  for (const line of text.split('\r\n').slice(1)) {
    const colon = line.indexOf(':');
    if (colon < 0) continue;
    const name = line.slice(0, colon).toLowerCase();
    fields.set(name, [...(fields.get(name) ?? []), line.slice(colon + 1).trim()]);
  }
  return {
    text,
    fields,
    key: fields.get('sec-websocket-key')?.[0] ?? '',
    protocols: list(fields.get('sec-websocket-protocol')),
    userAgent: fields.get('user-agent')?.[0] ?? '',
    extensions: list(fields.get('sec-websocket-extensions')).join(', '),
  };
}

/**
 * Checks a request (§4.1).
 * @param seenKeys Keys of earlier requests; gets the key of this one.
 * @returns The fault, if any.
 */
export function faultOfRequest(
  { text, fields, key, protocols }: ReceivedRequest,
  seenKeys: Set<string>,
): string | undefined {
  const one = (name: string): string | undefined => {
    const values = fields.get(name) ?? [];
    return values.length === 1 ? values[0] : undefined;
  };
  const has = (name: string, token: string): boolean =>
    list(fields.get(name)).some((value) => value.toLowerCase() === token);
  if (!/^GET \S+ HTTP\/1\.1\r\n/.test(text)) return 'the request line is not a GET with HTTP/1.1';
  if (/(?<!\r)\n|\r(?!\n)|\r\n[ \t]/.test(text)) return 'a line is folded, or does not end in CRLF';
  if (text.split('\r\n', 1)[0]!.includes('#')) return 'the target has a fragment';
  if ((one('host') ?? '') === '') return 'the request does not have exactly one Host';
  if (!has('upgrade', 'websocket')) return 'Upgrade does not contain websocket';
  if (!has('connection', 'upgrade')) return 'Connection does not contain upgrade';
  if (one('sec-websocket-version') !== '13') return 'Sec-WebSocket-Version is not 13';
  if (!isValidKey(one('sec-websocket-key') ?? ''))
    return 'the request does not have exactly one Sec-WebSocket-Key of 16 bytes in base64';
  if (seenKeys.has(key)) return 'Sec-WebSocket-Key was used before: it must be new for each connection';
  seenKeys.add(key);
  return new Set(protocols).size < protocols.length ? 'a subprotocol is offered twice' : undefined;
}
