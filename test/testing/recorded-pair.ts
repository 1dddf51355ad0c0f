import type { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { duplexPair } from '../../src/testing/memory-duplex.ts';
import { eventLoopTurns } from '../../src/testing/wait-for.ts';

/** Far more turns than any step here takes. An event that has not happened by then does not happen. */
export const quiet = () => eventLoopTurns(30);

export function record(stream: Duplex) {
  const seen = {
    pieces: [] as string[],
    ended: false,
    closed: false,
    error: undefined as NodeJS.ErrnoException | undefined,
  };
  stream.on('data', (chunk: Buffer) => seen.pieces.push(chunk.toString()));
  stream.on('end', () => (seen.ended = true));
  stream.on('close', () => (seen.closed = true));
  stream.on('error', (error: NodeJS.ErrnoException) => (seen.error = error));
  return seen;
}
export function recordedPair(options?: Parameters<typeof duplexPair>[0]) {
  const pair = duplexPair(options);
  return { ...pair, reset: () => pair.reset(), atServer: record(pair.server), atClient: record(pair.client) };
}
