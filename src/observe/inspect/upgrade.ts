import { Buffer } from 'node:buffer';
import type { Role } from '../../protocol/constants.ts';
import type { TcpStream } from './tcp-streams.ts';

/** Bytes of a connection after its handshake. */
export interface WireChunk {
  readonly from: Role;
  /** `undefined` for bytes without a time. */
  readonly timeMs: number | undefined;
  readonly bytes: Buffer;
  /** Bytes missing before these. */
  readonly missingBytes: number;
}

/** A TCP stream that became a WebSocket connection. */
export interface UpgradedStream {
  readonly protocol: string;
  readonly extensions: string;
  /** Everything after the two heads, in the order of the file. */
  readonly chunks: readonly WireChunk[];
}

/** What a stream is, when it is not a WebSocket connection. */
export type OtherStream = 'tls' | 'refused' | 'other';

interface Head {
  readonly text: string;
  /** Position after the head in the bytes of its direction. */
  readonly end: number;
}

/** Bytes in which the head of a handshake must be complete. */
const MAX_HEAD_BYTES = 1_048_576;
const END_OF_HEAD = Buffer.from('\r\n\r\n', 'latin1');
const TLS_HANDSHAKE = 0x16;

/** The values of a header field, joined. */
function fieldOf(head: string, name: string): string {
  return head
    .split('\r\n')
    .slice(1)
    .map(
      (line) =>
        [line.slice(0, line.indexOf(':')).trim().toLowerCase(), line.slice(line.indexOf(':') + 1)] as const,
    )
    .filter(([found]) => found === name)
    .map(([, value]) => value.trim())
    .join(', ');
}

const isRequest = (head: string): boolean =>
  /(?:^|\n)GET [^\n]* HTTP\/1\.1$/m.test(head.replaceAll('\r', '')) &&
  fieldOf(head, 'sec-websocket-key') !== '';
const isAnswer = (head: string): boolean => /(?:^|\n)HTTP\/1\.1 101\b/.test(head);

/** Other requests and responses may come before the handshake. */
function findHead(bytes: Buffer, isWanted: (head: string) => boolean): Head | undefined {
  let start = 0;
  for (let at = bytes.indexOf(END_OF_HEAD); at >= 0; at = bytes.indexOf(END_OF_HEAD, start)) {
    const text = bytes.toString('latin1', start, at);
    start = at + END_OF_HEAD.length;
    if (isWanted(text)) return { text, end: start };
  }
  return undefined;
}

/** Finds the handshake of a stream. @returns What the stream is instead, if there is none. */
export function upgradedStream({ chunks }: TcpStream): UpgradedStream | OtherStream {
  const [first, second] = [true, false].map((side) => beginning(chunks, side)) as [Buffer, Buffer];
  if (first[0] === TLS_HANDSHAKE || second[0] === TLS_HANDSHAKE) return 'tls';
  const isClientFirst = findHead(first, isRequest) !== undefined;
  const request = isClientFirst ? findHead(first, isRequest) : findHead(second, isRequest);
  if (request === undefined) return 'other';
  const answer = findHead(isClientFirst ? second : first, isAnswer);
  if (answer === undefined) return 'refused';
  const skip = { client: request.end, server: answer.end };
  const frames: WireChunk[] = [];
  for (const { byFirst, timeMs, bytes, missingBytes } of chunks) {
    const from = byFirst === isClientFirst ? 'client' : 'server';
    const skipped = Math.min(skip[from], bytes.length);
    skip[from] -= skipped;
    if (skipped < bytes.length) frames.push({ from, timeMs, bytes: bytes.subarray(skipped), missingBytes });
  }
  return {
    protocol: fieldOf(answer.text, 'sec-websocket-protocol'),
    extensions: fieldOf(answer.text, 'sec-websocket-extensions'),
    chunks: frames,
  };
}

/** The first bytes of one direction. */
function beginning(chunks: TcpStream['chunks'], byFirst: boolean): Buffer {
  const parts: Buffer[] = [];
  let length = 0;
  for (const chunk of chunks) {
    if (chunk.byFirst !== byFirst) continue;
    if (length >= MAX_HEAD_BYTES) break;
    parts.push(chunk.bytes);
    length += chunk.bytes.length;
  }
  return Buffer.concat(parts).subarray(0, MAX_HEAD_BYTES);
}
