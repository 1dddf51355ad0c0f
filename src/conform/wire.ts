import { Buffer } from 'node:buffer';
import { OPCODE } from '../protocol/index.ts';
import { type DecodedFrame, frame as encoded, type RawClient, WaitError } from '../testing/index.ts';
import { type FrameSpec, type Role, wireOf } from './model.ts';
import { Inflater, type Negotiated } from './deflate-codec.ts';
import { shownClose, shownFrame, shownPayload, SHOWN_BYTES } from './shown.ts';

/** §7.4.1: an endpoint MUST NOT send them. Echoing another unassigned code breaks no MUST. */
const NEVER_SENT: ReadonlySet<number> = new Set([1005, 1006, 1015]);

/** A frame, or other bytes, that one side sent. */
export interface TranscriptEntry {
  /** `us` is the suite. */
  readonly from: 'us' | 'peer';
  /** The frame in words. */
  readonly says: string;
  /** The first 64 bytes, in hexadecimal digits. */
  readonly hex: string;
  /** Length in bytes. */
  readonly bytes: number;
}

/** Most bytes in one write. */
const PIECE_BYTES = 65_536;
/** Most entries that are kept of one side of one connection. */
const MAX_ENTRIES = 24;

/** What comes from the peer, once it is whole. */
export type PeerEvent =
  | { readonly type: 'text' | 'binary' | 'ping' | 'pong'; readonly payload: Buffer }
  /** `code` is `undefined` for an empty body. */
  | { readonly type: 'close'; readonly code: number | undefined }
  /** The peer breaks a rule itself. */
  | { readonly type: 'breach'; readonly says: string }
  /** TCP is at its end, regularly or not. */
  | { readonly type: 'end'; readonly how: string }
  | { readonly type: 'silence'; readonly ms: number };

/**
 * One connection to the peer behind its handshake: sends whatever it is told, reads frames, judges each by the rules that
 * bind the peer (§5, §7.4, §8.1), joins fragments and undoes compression, and writes down what went to and fro.
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

  /** @param raw Owned from now on. */
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

  /** @param length How many bytes there were, if `bytes` are only the first of them. */
  note(from: 'us' | 'peer', says: string, bytes: Uint8Array, length = bytes.length): void {
    if (++this.#kept[from] > MAX_ENTRIES) return;
    const hex = Buffer.from(bytes.subarray(0, SHOWN_BYTES)).toString('hex');
    this.transcript.push({ from, says, hex, bytes: length });
  }

  /** Writes frames down and returns their bytes. */
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
   * Writes bytes in pieces, each in a turn of the event loop of its own, and stops once the peer has closed: what it said
   * last would be lost with the error of a write.
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

  /** Waits until the stream takes more, or never will. */
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

  /** Waits for the next whole message, control frame, breach or end. */
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
            ? `end of TCP inside a frame, behind ${left.toString('hex', 0, SHOWN_BYTES)}`
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
          says: `the peer's data does not inflate in what was agreed: ${(error as Error).message}`,
        };
      }
    }
    if (kind === OPCODE.TEXT && !isUtf8Text(whole)) {
      return { type: 'breach', says: `the peer sent text that is not UTF-8: ${shownPayload(whole)}` };
    }
    return { type: kind === OPCODE.TEXT ? 'text' : 'binary', payload: whole };
  }

  /** What is wrong with a frame of the peer's, if anything is. */
  #breach(frame: DecodedFrame): string | undefined {
    const { opcode, payload, fin, rsv1, rsv2, rsv3, mask, lengthForm } = frame;
    const control = opcode >= 8;
    if (rsv2 || rsv3) return 'the peer set a reserved bit';
    if (rsv1 && (this.#inflater === undefined || control || opcode === OPCODE.CONTINUATION)) {
      return 'the peer set RSV1 where nothing gives it a meaning';
    }
    if ((opcode > 2 && opcode < 8) || opcode > 10) return 'the peer used a reserved opcode';
    if ((mask === false) !== (this.#tested === 'server')) {
      return mask === false
        ? 'the peer sent a frame that is not masked'
        : 'the peer sent a frame that is masked';
    }
    const form = payload.length < 126 ? 7 : payload.length < 65_536 ? 16 : 64;
    if (form !== lengthForm) return 'the peer sent a length that is not in its shortest form';
    if (control && (!fin || payload.length > 125))
      return 'the peer sent a control frame in fragments or too long';
    if (!control && (opcode === OPCODE.CONTINUATION) === (this.#message === undefined)) {
      return 'the peer mixed up its fragments';
    }
    if (opcode !== OPCODE.CLOSE || payload.length === 0) return undefined;
    if (payload.length === 1 || NEVER_SENT.has(payload.readUInt16BE(0))) {
      return `the peer sent what no Close may hold, ${shownClose(payload)}`;
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
