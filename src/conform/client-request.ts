import type { Buffer } from 'node:buffer';
import { isValidKey } from '../protocol/index.ts';
import type { RawClient } from '../testing/index.ts';
import type { ClientRequest } from './response.ts';

/** A client's request head, taken apart but not judged. */
export interface ReceivedRequest extends ClientRequest {
  readonly text: string;
  /** Values by name in lower case, in their order. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
  /** What the client calls itself; empty if it does not. */
  readonly userAgent: string;
  /** Value of `Sec-WebSocket-Extensions`; empty if nothing is offered. */
  readonly extensions: string;
}

/** One connection of a client, its request read. */
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

/** What is wrong with a request (§4.1), if anything is. `seenKeys` has the keys of earlier ones, and gets this one's. */
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
  if (!/^GET \S+ HTTP\/1\.1\r\n/.test(text)) return 'the request line is not that of a GET of HTTP/1.1';
  if (/(?<!\r)\n|\r(?!\n)|\r\n[ \t]/.test(text))
    return 'a line ends in something else than CRLF, or is folded';
  if (text.split('\r\n', 1)[0]!.includes('#')) return 'the target has a fragment';
  if ((one('host') ?? '') === '') return 'the request does not name its host, once';
  if (!has('upgrade', 'websocket')) return 'Upgrade does not contain websocket';
  if (!has('connection', 'upgrade')) return 'Connection does not contain upgrade';
  if (one('sec-websocket-version') !== '13') return 'Sec-WebSocket-Version is not 13';
  if (!isValidKey(one('sec-websocket-key') ?? '')) return 'Sec-WebSocket-Key is not 16 bytes in base64, once';
  if (seenKeys.has(key)) return 'Sec-WebSocket-Key was used before: it must be new for each connection';
  seenKeys.add(key);
  return new Set(protocols).size < protocols.length ? 'a subprotocol is offered twice' : undefined;
}
