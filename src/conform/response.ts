import { Buffer } from 'node:buffer';
import { acceptValue } from '../protocol/index.ts';
import type { FrameSpec, Verdict } from './model.ts';

/** The parts of a client's request that a response needs. */
export interface ClientRequest {
  readonly key: string;
  /** Offered subprotocols. */
  readonly protocols: readonly string[];
}

/** A response to an upgrade request, correct except for these members, and the expected reaction of the client. */
export interface ResponseSpec {
  readonly label?: string;
  readonly statusLine?: string;
  /** Replaces fields by name: `undefined` removes a field, a list repeats it. A `*` stands for the ordinary value. */
  readonly fields?: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly rewrite?: (head: string) => string;
  /** Bytes per write. Default: one write. */
  readonly cutBytes?: number;
  /** Sent in the same write, after the head. */
  readonly behind?: readonly FrameSpec[];
  /** Whether the client must open the connection, and the verdict if it does the opposite. */
  readonly expects:
    | { readonly opens: true; readonly refused: Verdict }
    | { readonly opens: false; readonly accepted: Verdict };
}

/** Builds the response head. */
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
