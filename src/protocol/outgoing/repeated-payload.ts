import { Buffer } from 'node:buffer';
import { OPCODE } from '../constants.ts';
import { isBytes } from '../payload.ts';
import type { ReusableBytes } from '../reusable-bytes.ts';
import { buildFrame, headerBytes, writeFrame, writeTextFrame } from './frame-builder.ts';
import { type UncopiedFrame, uncopiedFrame } from './waiting-frames.ts';

/** Size of the longest header without a mask. */
const HEADER_ROOM = 10;
/** Frames up to this size come from Node's pool: a separate allocation costs more than a copy. */
const MAX_POOLED_BYTES = 4_096;
const NOTHING: Buffer = /* @__PURE__ */ Buffer.alloc(0);

/**
 * The payload that was sent last in this turn of the event loop. An application that sends one payload to many connections in
 * a loop gets one frame: the first connection packs its message as usual, the second one builds the frame, and the others share
 * it. Only unmasked, uncompressed frames are shared. A driver calls {@link forget} at the end of each turn.
 */
export class RepeatedPayload {
  #payload: string | object | undefined;
  #opcode = 0;
  /** The outbox that sent it last. */
  #sender: object | undefined;
  /** `undefined` while only one outbox has sent the payload. */
  #frame: Buffer | undefined;
  /** The payload in the frame. */
  #body = NOTHING;
  /** The frame of a large payload, which is not copied: from the first outbox on. */
  #uncopied: UncopiedFrame | undefined;
  /** The outbox of the connection that delivers its messages now. What it sends meanwhile, such as an echo, is not noted. */
  #delivering: object | undefined;

  /**
   * Notes a text that `sender` sends.
   * @param reusable Knows the UTF-8 of a received text.
   * @returns The frame, if another outbox has sent an equal text just before; it never changes.
   */
  text(sender: object, text: string, reusable: ReusableBytes): Buffer | undefined {
    // Not compared then: equal texts are common in an echo, whose messages are packed next to each other.
    if (this.#isBurst(sender)) return undefined;
    if (text !== this.#payload) this.#note(sender, text);
    else if (sender !== this.#sender) {
      this.#sender = sender;
      return (this.#frame ??= textFrame(text, reusable.utf8Of(text)));
    }
    return undefined;
  }

  /**
   * Returns the frame of an object that at least two other outboxes have sent, if its bytes are still those in the frame. Reads
   * no property of the object that the application could have changed.
   */
  framed(sender: object, opcode: number, payload: object): Buffer | undefined {
    const frame = this.#frame;
    if (
      frame === undefined ||
      payload !== this.#payload ||
      opcode !== this.#opcode ||
      sender === this.#sender
    )
      return undefined;
    // The application may have written to the object since.
    if (!this.#body.equals(payload as Uint8Array)) return undefined;
    this.#sender = sender;
    return frame;
  }

  /**
   * Notes an object that `sender` sends.
   * @param bytes Its bytes now.
   * @returns The frame with these bytes, if another outbox has sent the object just before; it never changes.
   */
  bytes(sender: object, opcode: number, payload: object, bytes: Uint8Array): Buffer | undefined {
    return this.#isBurst(sender) ? undefined : this.#noteBytes(sender, opcode, payload, bytes);
  }

  /**
   * Whether `sender` sends again, or delivers its messages: a loop over connections goes from one to another. Nothing is noted then,
   * because storing a reference costs as much as half of a small send. Storing `undefined` does not.
   */
  #isBurst(sender: object): boolean {
    if (sender === this.#delivering) return true;
    if (sender !== this.#sender || this.#frame !== undefined) return false;
    this.#payload = undefined;
    return true;
  }

  /** Apart from {@link bytes}, which stays small enough to be inlined. */
  #noteBytes(sender: object, opcode: number, payload: object, bytes: Uint8Array): Buffer | undefined {
    const isRepeated = payload === this.#payload && opcode === this.#opcode && sender !== this.#sender;
    this.#note(sender, payload);
    this.#opcode = opcode;
    // An empty view may be one that was detached.
    if (!isRepeated || bytes.length === 0 || !isBytes(payload)) return undefined;
    const frame = frameOf(opcode, bytes);
    this.#body = frame.subarray(frame.length - bytes.length);
    this.#frame = frame;
    return frame;
  }

  /**
   * Returns the frame of a large payload that is sent without a copy; the same frame if another outbox has sent the object just
   * before. The frame has no bytes of its own but the header, so it is right whatever the application has written since.
   * @param payload The object of the application; `undefined` if it is not known.
   * @param bytes Its bytes.
   */
  uncopied(sender: object, opcode: number, payload: object | undefined, bytes: Uint8Array): UncopiedFrame {
    const known = this.#uncopied;
    // Memory that can change its size was copied, and the copies lie elsewhere.
    if (
      known !== undefined &&
      payload === this.#payload &&
      opcode === this.#opcode &&
      known.payload.buffer === bytes.buffer &&
      known.payload.byteOffset === bytes.byteOffset &&
      known.payload.length === bytes.length
    ) {
      this.#sender = sender;
      return known;
    }
    const frame = uncopiedFrame(opcode, bytes);
    if (payload !== undefined && !this.#isBurst(sender)) {
      this.#note(sender, payload);
      this.#opcode = opcode;
      this.#uncopied = frame;
    }
    return frame;
  }

  /** Notes that the connection of `sender` delivers its messages, until {@link forget}. */
  delivers(sender: object): void {
    this.forget();
    this.#delivering = sender;
  }

  /** Forgets the payload and its frame, so that their memory can be collected. */
  forget(): void {
    this.#delivering = undefined;
    if (this.#sender === undefined) return;
    this.#note(undefined, undefined);
  }

  #note(sender: object | undefined, payload: string | object | undefined): void {
    this.#sender = sender;
    this.#payload = payload;
    this.#uncopied = undefined;
    if (this.#frame === undefined) return;
    this.#frame = undefined;
    this.#body = NOTHING;
  }
}

function frameOf(opcode: number, bytes: Uint8Array): Buffer {
  const length = headerBytes(bytes.length, undefined) + bytes.length;
  const frame = length <= MAX_POOLED_BYTES ? Buffer.allocUnsafe(length) : Buffer.allocUnsafeSlow(length);
  writeFrame(frame, 0, opcode, bytes, undefined);
  return frame;
}

/** @param utf8 The UTF-8 of the text, if it is known. */
function textFrame(text: string, utf8: Buffer | undefined): Buffer {
  if (utf8 !== undefined) return frameOf(OPCODE.TEXT, utf8);
  const room = text.length * 3 + HEADER_ROOM;
  if (room > MAX_POOLED_BYTES) return buildFrame(OPCODE.TEXT, text, undefined);
  const frame = Buffer.allocUnsafe(room);
  return frame.subarray(0, writeTextFrame(frame, 0, OPCODE.TEXT, text, undefined));
}
