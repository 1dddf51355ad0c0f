import type { Connection } from '../../src/index.ts';
import { type Capture, type CaptureOptions, capture } from '../../src/observe/index.ts';

/** A capture in memory. */
export interface Recorded {
  readonly running: Capture;
  readonly records: (string | Uint8Array)[];
  /** The lines of a capture in `jsonl`. */
  readonly lines: () => Record<string, unknown>[];
  readonly bytes: () => Buffer;
}

/** Captures into memory, with whole payloads unless the options say otherwise. */
export function recorded(
  target: Connection | ((connection: Connection) => boolean),
  options: CaptureOptions = {},
): Recorded {
  const records: (string | Uint8Array)[] = [];
  const running = capture(target, (record) => void records.push(record), {
    payloadBytes: Number.POSITIVE_INFINITY,
    ...options,
  });
  return {
    running,
    records,
    lines: () => records.map((record) => JSON.parse(String(record)) as Record<string, unknown>),
    bytes: () => Buffer.concat(records.map((record) => Buffer.from(record))),
  };
}
