import { Buffer } from 'node:buffer';

/** Below these sizes in bytes, encoding a text costs about as much as copying its bytes. */
const FROM_BYTES = { ascii: 2_048, other: 96 };
/** From this size in bytes, comparing bytes costs less than validating UTF-8 (16 KiB: 260 ns instead of 860). */
const COMPARED_FROM_BYTES = 2_048;
const NOTHING: Buffer = /* @__PURE__ */ Buffer.alloc(0);

/**
 * The encoded bytes of the message being delivered. An echo, a relay or a publish sends the received text unchanged: it
 * copies these bytes instead of encoding the text again (text of many scripts, 1 KiB: encoding 1.6 µs, copying 0.1).
 * A driver creates one object and passes it to its `ProtocolConnection`s and to `PreparedMessage`. Connections share
 * received bytes only if they have the same object. The bytes are in memory that the driver lent to `receive`, so they
 * are valid only until the driver gets that memory back: each connection calls {@link forget} in `receive`, `next` and
 * `keepUnread`, and when it fails or ends. A driver that stops without one of these calls has to call `forget` before
 * the owner of the memory uses it again.
 */
export class ReusableBytes {
  /** `undefined` while the noted text was delivered as bytes. */
  #text: string | undefined = '';
  /** {@link NOTHING} while no text is noted. */
  #from: Buffer = NOTHING;
  #start = 0;
  #end = 0;
  #binary: Buffer = NOTHING;

  /**
   * Notes the location of the UTF-8 of a received text. Short texts are not noted.
   * @param from Not copied; must stay unchanged until {@link forget}.
   */
  noteText(text: string, from: Buffer, start: number, end: number, isAscii: boolean): void {
    if (end - start < (isAscii ? FROM_BYTES.ascii : FROM_BYTES.other)) return;
    this.#text = text;
    this.#from = from;
    this.#start = start;
    this.#end = end;
  }

  /**
   * Notes a received text that was delivered as bytes.
   * @param message As in {@link noteBinary}.
   * @param from Memory that its UTF-8 was read into; not copied. Must stay unchanged until {@link forget}.
   */
  noteTextBytes(message: Buffer, from: Buffer, start: number, end: number): void {
    this.#binary = message;
    if (end - start < COMPARED_FROM_BYTES) return;
    this.#text = undefined;
    this.#from = from;
    this.#start = start;
    this.#end = end;
  }

  /** Notes a received binary message: ordinary memory that is neither shared with threads nor resizable. */
  noteBinary(message: Buffer): void {
    this.#binary = message;
  }

  /** Forgets the noted message, because its memory is about to change or the next message follows. */
  forget(): void {
    this.#binary = NOTHING;
    if (this.#from === NOTHING) return;
    this.#text = '';
    this.#from = NOTHING;
  }

  /** @returns The UTF-8 of `text`, to be copied before any other call; `undefined` unless it is noted. */
  utf8Of(text: string): Buffer | undefined {
    // Equal texts have equal bytes, even in different string objects.
    return this.#from !== NOTHING && text === this.#text
      ? this.#from.subarray(this.#start, this.#end)
      : undefined;
  }

  /**
   * Whether `view` is the text being delivered and still has the bytes that were validated on receipt; `false` if
   * unknown.
   * @param bytes The current bytes of `view`.
   */
  isReceivedText(view: ArrayBufferView, bytes: Uint8Array): boolean {
    return (
      view === this.#binary &&
      this.#text === undefined &&
      this.#from.compare(bytes, 0, bytes.length, this.#start, this.#end) === 0
    );
  }

  /** Whether `payload` is the message being delivered as bytes. The application may have changed the object since. */
  isReceived(payload: object): boolean {
    return payload === this.#binary;
  }
}
