import type { Payload } from '../protocol/payload.ts';
import {
  BOOLEAN,
  callOptions,
  checkCallOptions,
  refuseArgument,
  refuseSurplus,
  SIGNAL,
} from './call-check.ts';

/** Chunks of one message. */
export type StreamSource = AsyncIterable<Payload> | Iterable<Payload>;

/** Options of a message that is sent in fragments. */
export interface StreamOptions {
  /** `true` sends binary, `false` text. Default: text if the first chunk is a string. An empty source is binary. */
  readonly binary?: boolean;
  /** Gives up. Before the first chunk nothing is sent; after it, the connection closes with 1011. */
  readonly signal?: AbortSignal;
}

const STREAM_OPTIONS = callOptions({ binary: BOOLEAN, signal: SIGNAL });

/**
 * Checks the arguments of `sendStream`.
 * @throws MisuseError `ERR_ARGUMENT` or `ERR_OPTION`.
 */
export function checkStreamSource(source: unknown, options: unknown, surplus: unknown): void {
  const call = 'connection.sendStream';
  const isObject = typeof source === 'object' && source !== null;
  // A Buffer is a list of numbers, and would be sent as that.
  if (
    !isObject ||
    ArrayBuffer.isView(source) ||
    !(Symbol.asyncIterator in source || Symbol.iterator in source)
  )
    refuseArgument(
      call,
      'source',
      source,
      'an async iterable, an iterable or a ReadableStream of strings or bytes; send() takes one string or Buffer',
    );
  if (surplus !== undefined) refuseSurplus(call, surplus, 'await connection.sendStream(source)');
  checkCallOptions(call, options, STREAM_OPTIONS, 'await connection.sendStream(source)');
}
