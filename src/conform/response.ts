import { Buffer } from 'node:buffer';
import { acceptValue } from '../protocol/index.ts';
import type { FrameSpec, Verdict } from './model.ts';

/** What a client's request said, as far as an answer needs it. */
export interface ClientRequest {
  readonly key: string;
  /** Subprotocols that were offered. */
  readonly protocols: readonly string[];
}

/** An answer to an upgrade request, right but for what is said here, and what the client must make of it. */
export interface ResponseSpec {
  readonly label?: string;
  readonly statusLine?: string;
  /** Replaced by name; `undefined` leaves one out, a list repeats it. A `*` inside is the ordinary value. */
  readonly fields?: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly rewrite?: (head: string) => string;
  /** Bytes in one write. Default everything at once. */
  readonly cutBytes?: number;
  /** Sent in the same write, behind the head. */
  readonly behind?: readonly FrameSpec[];
  /** The client opens the connection; or it gives up, or the verdict `accepted`. */
  readonly expects:
    | { readonly opens: true; readonly refused: Verdict }
    | { readonly opens: false; readonly accepted: Verdict };
}

/** The bytes of a response head. */
export function encodeResponse(
  spec: Pick<ResponseSpec, 'statusLine' | 'fields' | 'rewrite'>,
  request: ClientRequest,
): Buffer {
  const { statusLine = 'HTTP/1.1 101 Switching Protocols', fields = {} } = spec;
  const ordinary: readonly (readonly [string, string])[] = [
    ['Upgrade', 'websocket'],
    ['Connection', 'Upgrade'],
    ['Sec-WebSocket-Accept', acceptValue(request.key)],
    // Some clients insist on a subprotocol if they offer any.
    ...(request.protocols[0] === undefined
      ? []
      : [['Sec-WebSocket-Protocol', request.protocols[0]] as const]),
  ];
  const replaced = new Set(Object.keys(fields).map((name) => name.toLowerCase()));
  const all = ordinary.filter(([name]) => !replaced.has(name.toLowerCase()));
  const more = Object.entries(fields).flatMap(([name, value]) => {
    const usual = ordinary.find(([one]) => one.toLowerCase() === name.toLowerCase())?.[1] ?? '';
    return (value === undefined ? [] : [value].flat()).map(
      (one) => [name, one.replaceAll('*', usual)] as const,
    );
  });
  const lines = [statusLine, ...[...all, ...more].map(([name, value]) => `${name}: ${value}`)];
  const head = `${lines.join('\r\n')}\r\n\r\n`;
  return Buffer.from(spec.rewrite?.(head) ?? head, 'latin1');
}
