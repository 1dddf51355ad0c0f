import { Buffer } from 'node:buffer';
import { UNCOPIED_FROM_BYTES } from '../limits.ts';
import type { PreparedMessage } from './prepared-message.ts';

/** Largest chunk of copied frames, in bytes. */
const MAX_CHUNK_BYTES = 65_536;

/** Messages in order that many recipients get one after the other. All of them share the frames, and the chunks made of them. */
export class PreparedRun {
  readonly messages: readonly PreparedMessage[];
  /** Size of all frames. */
  readonly bytes: number;
  #chunks: readonly Buffer[] | undefined;

  constructor(messages: readonly PreparedMessage[]) {
    this.messages = messages;
    let bytes = 0;
    for (const { frame } of messages) bytes += frame.length;
    this.bytes = bytes;
  }

  /** All frames in as few chunks as possible; each consists of whole frames and never changes. Small frames are copied, once. */
  get chunks(): readonly Buffer[] {
    return (this.#chunks ??= joined(this.messages));
  }
}

function joined(messages: readonly PreparedMessage[]): Buffer[] {
  const chunks: Buffer[] = [];
  let frames: Buffer[] = [];
  let bytes = 0;
  const endChunk = (): void => {
    if (frames.length > 0) chunks.push(frames.length === 1 ? frames[0]! : Buffer.concat(frames, bytes));
    frames = [];
    bytes = 0;
  };
  for (const { frame } of messages) {
    if (frame.length >= UNCOPIED_FROM_BYTES) {
      endChunk();
      chunks.push(frame);
      continue;
    }
    if (bytes + frame.length > MAX_CHUNK_BYTES) endChunk();
    frames.push(frame);
    bytes += frame.length;
  }
  endChunk();
  return chunks;
}
