import type { Buffer } from 'node:buffer';
import type { Link } from '../../connection/link.ts';
import type { InputPosition } from '../../protocol/frame-parser.ts';
import { watchCalls } from './shadow.ts';

/** Sees the bytes of one connection. Memory is valid during the call only, and must not be changed. */
export interface Tap {
  /** Bytes from the transport, before they are unmasked in place. */
  received(bytes: Buffer): void;
  /** Bytes on their way to the transport. */
  sent(chunks: readonly Uint8Array[]): void;
  /** One of the two threw, and the tap was removed. Must not throw. */
  failed(error: unknown): void;
}

/** Where a tap begins in the two byte streams of a connection. */
export interface TapStart {
  readonly input: InputPosition;
  /** Bytes still to be sent of a frame that is partly sent. */
  readonly outputBytes: number;
  /** Bytes of each stream before the tap; 0 if it sees the connection from its first frame. */
  readonly receivedBefore: number;
  readonly sentBefore: number;
}

/** Tells where a tap that is attached now begins. */
export function tapStart(link: Link): TapStart {
  return {
    input: link.core.inputPosition,
    outputBytes: link.outbox.begunBytes,
    receivedBefore: link.bytesReceived,
    sentBefore: link.outbox.sentBytes,
  };
}

/**
 * Attaches a tap to one connection. It shadows one method of the link and one of its transport with properties of their own, so
 * connections without a tap have neither a field nor a comparison for it.
 * @returns A function that removes the tap; further calls do nothing.
 */
export function tapConnection(link: Link, tap: Tap): () => void {
  const guard =
    <Value>(step: (value: Value) => void) =>
    (value: Value): void => {
      try {
        step(value);
      } catch (error) {
        remove();
        tap.failed(error);
      }
    };
  const removals = [
    watchCalls(link, 'received', { before: guard((bytes: Buffer) => tap.received(bytes)) }),
    watchCalls(link.transport, 'write', {
      before: guard((chunks: readonly Uint8Array[]) => tap.sent(chunks)),
    }),
  ];
  const remove = (): void => {
    for (const end of removals) end();
  };
  return remove;
}
