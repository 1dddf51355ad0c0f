import { Buffer } from 'node:buffer';

/** Frames below this size are copied together instead of being passed to the kernel one by one. */
const JOINED_BELOW_BYTES = 8_192;
/** Longest run that is copied together, in bytes. */
const MAX_RUN_BYTES = 65_536;

const NO_FRAMES: readonly unknown[] = /* @__PURE__ */ Object.freeze([]);

const same = (a: readonly unknown[], b: readonly unknown[]): boolean => {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
};

/** The last run of joined frames. In a broadcast, the next recipient probably has the same frames pending. */
export class JoinedRun {
  #frames = NO_FRAMES;
  #run: Buffer | undefined;

  /**
   * Joins frames into one chunk, once for all connections that have the same frames to send.
   * @param frames At least two, or none. The list must not change afterwards: it is compared with the next one.
   * @returns `undefined` if the frames exceed 65,536 bytes or are not all plain bytes.
   */
  join(frames: readonly unknown[]): Uint8Array | undefined {
    if (this.#run !== undefined && same(frames, this.#frames)) return this.#run;
    let bytes = 0;
    for (const frame of frames) {
      if (!(frame instanceof Uint8Array)) return undefined;
      bytes += frame.length;
    }
    if (bytes === 0 || bytes > MAX_RUN_BYTES) return undefined;
    this.#run = Buffer.concat(frames as Uint8Array[], bytes);
    this.#frames = frames;
    return this.#run;
  }

  /** Drops the run, so that its memory can be collected. */
  forget(): void {
    this.#frames = NO_FRAMES;
    this.#run = undefined;
  }
}

/** Copies adjacent small chunks into one chunk each: a system call per chunk costs more than the copy. */
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
