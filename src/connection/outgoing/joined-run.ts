import { Buffer } from 'node:buffer';
import { flushQueue } from '../../engine/flush-queue.ts';

/** Frames below this size are copied together rather than handed to the kernel one by one. */
const JOINED_BELOW_BYTES = 8_192;
/** Longest run that is copied together, in bytes. */
const MAX_RUN_BYTES = 65_536;

/** The last run that was joined: in a broadcast the next recipient most likely has the same frames waiting. */
let lastFrames: readonly unknown[] = [];
let lastRun: Buffer | undefined;

flushQueue.onSliceEnd(() => {
  lastFrames = [];
  lastRun = undefined;
});

const same = (a: readonly unknown[], b: readonly unknown[]): boolean => {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
};

/**
 * Joins frames into one chunk, once for all connections that have the very same frames to send.
 * @param frames Must not change any more: the list is compared with the next one.
 * @returns `undefined` if they are too many bytes, or not all of them plain bytes.
 */
export function joinRun(frames: readonly unknown[]): Uint8Array | undefined {
  if (frames.length === 1) return frames[0] instanceof Uint8Array ? frames[0] : undefined;
  if (lastRun !== undefined && same(frames, lastFrames)) return lastRun;
  let bytes = 0;
  for (const frame of frames) {
    if (!(frame instanceof Uint8Array)) return undefined;
    bytes += frame.length;
  }
  if (bytes === 0 || bytes > MAX_RUN_BYTES) return undefined;
  lastRun = Buffer.concat(frames as Uint8Array[], bytes);
  lastFrames = frames;
  return lastRun;
}

/** Copies neighbours that are small into one chunk each: a system call per chunk costs more than the copy. */
export function joinSmall(chunks: Uint8Array[]): Uint8Array[] {
  if (chunks.length < 2) return chunks;
  const joined: Uint8Array[] = [];
  let run: Uint8Array[] = [];
  const endRun = () => {
    if (run.length > 0) joined.push(run.length === 1 ? run[0]! : Buffer.concat(run));
    run = [];
  };
  for (const chunk of chunks) {
    if (chunk.length < JOINED_BELOW_BYTES) run.push(chunk);
    else {
      endRun();
      joined.push(chunk);
    }
  }
  endRun();
  return joined;
}
