import { Buffer } from 'node:buffer';
import { CONTROL_BIT, FIN, OPCODE, OPCODE_MASK } from '../constants.ts';
import { frameBytes, headerBytes, writeHeader } from './frame-builder.ts';

/** A message whose payload is sent without a copy. */
export interface UncopiedFrame {
  /** Empty after it was written. */
  readonly header: Buffer;
  /** Memory of the application. If the application detaches it, the view is empty. */
  readonly payload: Uint8Array;
  /** Bytes of header and payload when the frame was queued. */
  readonly length: number;
}

/** A queue entry while the socket is blocked: a message, or a run of whole frames packed together. */
export type WaitingFrame = Uint8Array | UncopiedFrame;

/** @param payload Must stay unchanged until it was written. */
export function uncopiedFrame(opcode: number, payload: Uint8Array): UncopiedFrame {
  const header = Buffer.allocUnsafe(headerBytes(payload.length, undefined));
  writeHeader(header, 0, opcode, payload.length, undefined);
  return { header, payload, length: header.length + payload.length };
}

export const isUncopied = (frame: WaitingFrame): frame is UncopiedFrame => !(frame instanceof Uint8Array);

/**
 * Returns the number of messages in an entry. Control frames do not count; of a message in fragments the first one
 * counts.
 */
export function messagesIn(frame: WaitingFrame): number {
  if (isUncopied(frame)) return 1;
  let messages = 0;
  for (let at = 0; at < frame.length; at += frameBytes(frame, at)) {
    const opcode = frame[at]! & OPCODE_MASK;
    if (opcode === OPCODE.TEXT || opcode === OPCODE.BINARY) messages++;
  }
  return messages;
}

/**
 * Removes the oldest message from the queue; control frames packed with it stay.
 * @param from Index of the first entry that may be changed: an entry before it is partly written.
 * @returns Its size with header, in bytes; 0 if there is none.
 */
export function dropOldestMessage(waiting: WaitingFrame[], from: number): number {
  for (let i = from; i < waiting.length; i++) {
    const frame = waiting[i]!;
    if (isUncopied(frame)) {
      waiting.splice(i, 1);
      return frame.length;
    }
    const { start, end } = firstMessage(frame);
    if (end === 0) continue;
    waiting.splice(i, 1, ...around(frame, start, end));
    return end - start;
  }
  return 0;
}

/** Fragments are never dropped: the peer would read the others as parts of another message. */
const isWholeMessage = (first: number): boolean =>
  (first & CONTROL_BIT) === 0 && (first & FIN) !== 0 && (first & OPCODE_MASK) !== OPCODE.CONTINUATION;

/**
 * Returns the position of the first message in a run of whole frames; `end` is 0 if there is no message in one frame.
 */
function firstMessage(run: Uint8Array): { readonly start: number; readonly end: number } {
  for (let start = 0; start < run.length; ) {
    const end = start + frameBytes(run, start);
    if (isWholeMessage(run[start]!)) return { start, end };
    start = end;
  }
  return { start: 0, end: 0 };
}

/** Returns the rest of a run without the bytes from `start` to `end`. */
const around = (run: Uint8Array, start: number, end: number): Uint8Array[] =>
  [run.subarray(0, start), run.subarray(end)].filter((part) => part.length > 0);

/**
 * Removes all pings and pongs from queued frames; messages and Close stay in place.
 * @param from Index of the first entry that may be changed: an entry before it is partly written.
 * @returns The control frames, oldest first, in separate memory.
 */
export function takeControl(waiting: WaitingFrame[], from: number): Uint8Array[] {
  const control: Uint8Array[] = [];
  for (let i = from; i < waiting.length; ) {
    const frame = waiting[i]!;
    const kept = isUncopied(frame) ? frame : withoutControl(frame, control);
    if (kept.length > 0) waiting[i++] = kept;
    else waiting.splice(i, 1);
  }
  return control;
}

/** @returns The rest of `run` as one piece; its pings and pongs go to `control`. */
function withoutControl(run: Uint8Array, control: Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let keptFrom = 0;
  for (let at = 0; at < run.length; ) {
    const end = at + frameBytes(run, at);
    const opcode = run[at]! & OPCODE_MASK;
    if (opcode === OPCODE.PING || opcode === OPCODE.PONG) {
      if (at > keptFrom) parts.push(run.subarray(keptFrom, at));
      control.push(Buffer.from(run.subarray(at, end)));
      keptFrom = end;
    }
    at = end;
  }
  if (keptFrom === 0) return run;
  if (keptFrom < run.length) parts.push(run.subarray(keptFrom));
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}
