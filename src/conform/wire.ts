import { Buffer } from 'node:buffer';
import { OPCODE } from '../protocol/index.ts';
import { type DecodedFrame, frame as encoded, type RawClient, WaitError } from '../testing/index.ts';
import { type FrameSpec, type Role, wireOf } from './model.ts';
import { Inflater, type Negotiated } from './deflate-codec.ts';
import { shownClose, shownFrame, shownPayload, SHOWN_BYTES } from './shown.ts';

/** An endpoint MUST NOT send these codes (§7.4.1). Echoing another unassigned code breaks no MUST. */
const NEVER_SENT: ReadonlySet<number> = new Set([1005, 1006, 1015]);

/** A frame, or other bytes, that one side sent. */
export interface TranscriptEntry {
  /** `us` is the suite. */
  readonly from: 'us' | 'peer';
  /** The frame in words. */
  readonly says: string;
  /** The first 64 bytes as hexadecimal digits. */
  readonly hex: string;
  /** Length in bytes. */
  readonly bytes: number;
}

/** Maximum number of bytes in one write. */
const PIECE_BYTES = 65_536;
/** Maximum number of transcript entries of each side of a connection. */
const MAX_ENTRIES = 24;

/** A complete message or control frame of the peer, or the end of its frames. */
export type PeerEvent =
  | { readonly type: 'text' | 'binary' | 'ping' | 'pong'; readonly payload: Buffer }
  /** `code` is `undefined` for an empty body. */
  | { readonly type: 'close'; readonly code: number | undefined }
  /** The peer broke a rule. */
  | { readonly type: 'breach'; readonly says: string }
  /** TCP has ended, regularly or by a reset. */
  | { readonly type: 'end'; readonly how: string }
  | { readonly type: 'silence'; readonly ms: number };

/**
 * One connection to the peer, after the handshake. Sends any frames. Reads frames, checks each against the rules for
 * the peer (§5, §7.4, §8.1), joins fragments and inflates messages. Records both directions in a transcript.
 */
export class Wire implements Disposable {
  readonly raw: RawClient;
  readonly transcript: TranscriptEntry[] = [];
  readonly #tested: Role;
  readonly #inflater: Inflater | undefined;
  #message: { readonly opcode: number; readonly compressed: boolean; readonly parts: Buffer[] } | undefined;
  #peerClosed = false;
  #stopWriting: (() => void) | undefined;
  #kept = { us: 0, peer: 0 };

  /** @param raw The wire owns it from now on. */
  constructor(raw: RawClient, tested: Role, negotiated?: Negotiated) {
    this.raw = raw;
    this.#tested = tested;
    if (negotiated !== undefined) {
      this.#inflater =
        tested === 'server'
          ? new Inflater(negotiated.serverMaxWindowBits, !negotiated.serverNoContextTakeover)
          : new Inflater(negotiated.clientMaxWindowBits, !negotiated.clientNoContextTakeover);
    }
  }

  /** Adds a transcript entry. @param length Total number of bytes, if `bytes` has only the first ones. */
  note(from: 'us' | 'peer', says: string, bytes: Uint8Array, length = bytes.length): void {
    if (++this.#kept[from] > MAX_ENTRIES) return;
    const hex = Buffer.from(bytes.subarray(0, SHOWN_BYTES)).toString('hex');
    this.transcript.push({ from, says, hex, bytes: length });
  }

  /** Encodes frames and adds them to the transcript. */
  encode(specs: readonly FrameSpec[]): Buffer {
    return Buffer.concat(
      specs.map((spec) => {
        const bytes = wireOf(spec, this.#tested);
        this.note('us', shownFrame(spec, Buffer.from((spec.payload ?? '') as string)), bytes);
        return bytes;
      }),
    );
  }

  send(...specs: readonly FrameSpec[]): void {
    if (this.raw.stream.writable) this.raw.send(this.encode(specs));
  }

  /**
   * Writes bytes in pieces, one per turn of the event loop. Stops when the peer has sent a Close: a failed write
   * would discard the last bytes of the peer.
   */
  async write(bytes: Buffer, pieceBytes: number): Promise<void> {
    const { stream } = this.raw;
    const step = Math.min(pieceBytes, PIECE_BYTES);
    for (let at = 0; at < bytes.length && stream.writable && !this.#peerClosed; at += step) {
      this.raw.send(bytes.subarray(at, Math.min(bytes.length, at + step)));
      await new Promise((resolve) => void setImmediate(resolve));
      if (stream.writableNeedDrain && !stream.destroyed && !this.#peerClosed) await this.#room();
    }
  }

  /** Waits until the stream has drained or closed, or the peer has sent a Close. */
  #room(): Promise<void> {
    const { stream } = this.raw;
    return new Promise((resolve) => {
      const done = (): void => {
        stream.off('drain', done).off('close', done);
        this.#stopWriting = undefined;
        resolve();
      };
      stream.on('drain', done).on('close', done);
      this.#stopWriting = done;
    });
  }

  /** Waits for the next complete message, control frame, violation or end. @returns `silence` at the deadline. */
  async next(deadlineMs: number): Promise<PeerEvent> {
    for (;;) {
      const frame = await this.#frame(deadlineMs);
      if (!('opcode' in frame)) return frame;
      const event = await this.#judge(frame);
      if (event !== undefined) return event;
    }
  }

  async #frame(deadlineMs: number): Promise<DecodedFrame | PeerEvent> {
    try {
      const frame = await this.raw.nextFrame({ deadlineMs });
      this.#noteFrame(frame);
      return frame;
    } catch (error) {
      if (!(error instanceof WaitError)) throw error;
      const { stream } = this.raw;
      if (stream.readableEnded || stream.closed || stream.errored !== null) {
        const left = this.raw.received;
        const how =
          left.length > 0
            ? `end of TCP inside a frame, after ${left.toString('hex', 0, SHOWN_BYTES)}`
            : stream.errored !== null
              ? `TCP reset (${stream.errored.message})`
              : 'end of TCP';
        this.note('peer', how, left);
        return { type: 'end', how };
      }
      return { type: 'silence', ms: deadlineMs };
    }
  }

  #noteFrame(frame: DecodedFrame): void {
    const payload = frame.payload.subarray(0, SHOWN_BYTES);
    const start = encoded({ ...frame, payload, announcedLength: frame.payload.length });
    this.note('peer', shownFrame(frame, frame.payload), start, frame.end - frame.start);
  }

  async #judge(frame: DecodedFrame): Promise<PeerEvent | undefined> {
    const breach = this.#breach(frame);
    if (breach !== undefined)
      return { type: 'breach', says: `${breach}: ${shownFrame(frame, frame.payload)}` };
    const { opcode, payload } = frame;
    if (opcode === OPCODE.PING) return { type: 'ping', payload };
    if (opcode === OPCODE.PONG) return { type: 'pong', payload };
    if (opcode === OPCODE.CLOSE) {
      this.#peerClosed = true;
      this.#stopWriting?.();
      return { type: 'close', code: payload.length === 0 ? undefined : payload.readUInt16BE(0) };
    }
    this.#message ??= { opcode, compressed: frame.rsv1, parts: [] };
    this.#message.parts.push(payload);
    if (!frame.fin) return undefined;
    const { parts, compressed, opcode: kind } = this.#message;
    this.#message = undefined;
    let whole = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    if (compressed) {
      try {
        whole = await this.#inflater!.inflate(whole);
      } catch (error) {
        return {
          type: 'breach',
          says: `data of the peer does not inflate with the negotiated parameters: ${(error as Error).message}`,
        };
      }
    }
    if (kind === OPCODE.TEXT && !isUtf8Text(whole)) {
      return { type: 'breach', says: `the peer sent text that is not UTF-8: ${shownPayload(whole)}` };
    }
    return { type: kind === OPCODE.TEXT ? 'text' : 'binary', payload: whole };
  }

  /** Checks a frame of the peer. @returns The fault, if any. */
  #breach(frame: DecodedFrame): string | undefined {
    const { opcode, payload, fin, rsv1, rsv2, rsv3, mask, lengthForm } = frame;
    const control = opcode >= 8;
    if (rsv2 || rsv3) return 'the peer set a reserved bit';
    if (rsv1 && (this.#inflater === undefined || control || opcode === OPCODE.CONTINUATION)) {
      return 'the peer set RSV1 without a negotiated meaning';
    }
    if ((opcode > 2 && opcode < 8) || opcode > 10) return 'the peer used a reserved opcode';
    if ((mask === false) !== (this.#tested === 'server')) {
      return mask === false ? 'the peer sent an unmasked frame' : 'the peer sent a masked frame';
    }
    const form = payload.length < 126 ? 7 : payload.length < 65_536 ? 16 : 64;
    if (form !== lengthForm) return 'the peer sent a length that is not in its shortest form';
    if (control && (!fin || payload.length > 125))
      return 'the peer sent a control frame that is fragmented or longer than 125 bytes';
    if (!control && (opcode === OPCODE.CONTINUATION) === (this.#message === undefined)) {
      return 'the peer sent its fragments out of order';
    }
    if (opcode !== OPCODE.CLOSE || payload.length === 0) return undefined;
    if (payload.length === 1 || NEVER_SENT.has(payload.readUInt16BE(0))) {
      return `the peer sent an invalid Close, ${shownClose(payload)}`;
    }
    return isUtf8Text(payload.subarray(2)) ? undefined : 'the peer sent a reason that is not UTF-8';
  }

  [Symbol.dispose](): void {
    this.#inflater?.close();
    this.raw[Symbol.dispose]();
  }
}

const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
function isUtf8Text(bytes: Buffer): boolean {
  try {
    STRICT.decode(bytes);
    return true;
  } catch {
    return false;
  }
}
