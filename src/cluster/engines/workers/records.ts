import { Buffer } from 'node:buffer';
import { EngineError } from '../../../protocol/errors.ts';

const LINE_FEED = 0x0a;

/** The number of an engine in its worker; 0 is the worker itself. */
export const WORKER = 0;

/** What a worker and the hub tell each other: an array of JSON, `[kind, engine, …]`, and bytes. */
export interface WorkerRecord {
  readonly head: readonly unknown[];
  /** A view of larger memory. */
  readonly body: Buffer;
}

/** @throws EngineError `ERR_ENGINE_MESSAGE` for bytes that are no record. */
export function readRecord(bytes: Buffer): WorkerRecord {
  const end = bytes.indexOf(LINE_FEED);
  let head: unknown;
  try {
    head = JSON.parse(bytes.toString('utf8', 0, Math.max(0, end)));
  } catch {
    // Told below.
  }
  if (!Array.isArray(head) || typeof head[0] !== 'string' || !Number.isSafeInteger(head[1]))
    throw new EngineError('ERR_ENGINE_MESSAGE', 'a record of a worker has no head');
  return { head, body: bytes.subarray(end + 1) };
}

/** What {@link envelopeBody} of the envelopes writes, as parts: nothing is copied. */
export function entryParts(entries: Iterable<Uint8Array>): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (const entry of entries) {
    const { length } = entry;
    parts.push(Buffer.of(length >>> 24, length >>> 16, length >>> 8, length), entry);
  }
  return parts;
}

/** A copy in memory of its own, for what is kept longer than the parcel that it came in. */
export function ownCopy(bytes: Uint8Array): Uint8Array {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}
