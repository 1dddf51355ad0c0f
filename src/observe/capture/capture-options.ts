import type { Writable } from 'node:stream';
import { driverIn } from '../../connection/connection.ts';
import {
  BOOLEAN,
  callOptions,
  checkArgument,
  checkCallOptions,
  checkCount,
  SIGNAL,
  type ValueRule,
} from '../../options/call-check.ts';
import { MisuseError } from '../../protocol/errors.ts';

const DEFAULT_MAX_BYTES = 67_108_864;

/** Options of a capture. */
export interface CaptureOptions {
  /**
   * `jsonl`: one line of JSON for each frame. `pcapng`: packets for Wireshark, each connection as one TCP stream; it needs
   * `payloadBytes: Infinity`. Default `jsonl`.
   */
  readonly format?: 'jsonl' | 'pcapng' | undefined;
  /**
   * Bytes of each payload to record, unmasked; compressed payloads stay compressed. Whole number from 0, or `Infinity` for whole
   * payloads. Default 0, because payloads are personal data.
   */
  readonly payloadBytes?: number | undefined;
  /** Bytes after which the capture ends: 1 to 2^53 - 1. Default 67,108,864 (64 MiB). */
  readonly maxBytes?: number | undefined;
  /** Whether to end a stream with the capture, as `pipe` does. Use `false` for `process.stdout`. Default `true`. */
  readonly endSink?: boolean | undefined;
  /** Ends the capture when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

const isConnection = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && driverIn(value) !== undefined;
const isStream = (value: unknown): value is Writable =>
  typeof value === 'object' &&
  value !== null &&
  ['write', 'end', 'on', 'off'].every((method) => typeof Reflect.get(value, method) === 'function');

const TARGET: ValueRule = {
  fits: (value) => typeof value === 'function' || isConnection(value),
  allowed:
    'a Connection, or a function that is called with each connection and returns true for those to capture',
};
const SINK: ValueRule = {
  fits: (value) => typeof value === 'function' || isStream(value),
  allowed: "a Writable, such as createWriteStream('capture.jsonl'), or a function that takes a record",
};
const OPTIONS = callOptions({
  format: { fits: (value) => value === 'jsonl' || value === 'pcapng', allowed: "'jsonl' or 'pcapng'" },
  payloadBytes: {
    fits: (value) =>
      value === Number.POSITIVE_INFINITY || (Number.isSafeInteger(value) && (value as number) >= 0),
    allowed: 'a whole number from 0, or Infinity for whole payloads',
  },
  maxBytes: {
    fits: (value) => Number.isSafeInteger(value) && (value as number) >= 1,
    allowed: `a whole number of bytes from 1 to ${Number.MAX_SAFE_INTEGER}`,
  },
  endSink: BOOLEAN,
  signal: SIGNAL,
});

/** The rule for an argument that is a connection. */
export const CONNECTION: ValueRule = { fits: isConnection, allowed: 'a Connection of a server or a client' };

type Settings = {
  readonly format: 'jsonl' | 'pcapng';
  readonly payloadBytes: number;
  readonly maxBytes: number;
  readonly endSink: boolean;
  readonly signal: AbortSignal | undefined;
};

/** @throws MisuseError `ERR_ARGUMENT` or `ERR_OPTION`; the message names argument or option, value and what is allowed. */
export function readCaptureArguments(given: ArrayLike<unknown>): Settings {
  const options = given[2];
  checkArgument('capture', 'target', given[0], TARGET);
  checkArgument('capture', 'sink', given[1], SINK);
  checkCallOptions('capture', options, OPTIONS, 'await capture(…).ended for the result');
  checkCount('capture', given, 3);
  const { format = 'jsonl', payloadBytes = 0, maxBytes, endSink, signal } = (options ?? {}) as CaptureOptions;
  if (format === 'pcapng' && payloadBytes !== Number.POSITIVE_INFINITY) {
    throw new MisuseError(
      'ERR_OPTION',
      `capture: payloadBytes is ${payloadBytes}; format 'pcapng' records whole payloads, which may be personal data: set payloadBytes: Infinity to agree`,
    );
  }
  return {
    format,
    payloadBytes,
    maxBytes: maxBytes ?? DEFAULT_MAX_BYTES,
    endSink: endSink ?? true,
    signal,
  };
}
