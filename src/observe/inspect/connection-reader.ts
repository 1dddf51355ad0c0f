import type { Buffer } from 'node:buffer';
import { type Role, RSV1 } from '../../protocol/constants.ts';
import { knownExtensions, ownedBitsOf } from './compression.ts';
import { fieldsOf, keyOf, opcodeName } from './fields.ts';
import { FrameDissector, type WireFrame } from './frame-dissector.ts';
import { MessageReader, violationOf } from './message-reader.ts';
import type { InspectedConnection, InspectedFrame, Violation } from './model.ts';
import type { WireChunk } from './upgrade.ts';

/** What a file says of a connection. */
export interface ConnectionFacts {
  readonly id: string;
  readonly protocol: string;
  /** `undefined` if the file does not tell. */
  readonly extensions: string | undefined;
  /** Whether the file has every frame from the first one on. */
  readonly isWhole: boolean;
}

/** How much of a frame the file contains. */
export interface Recorded {
  readonly timeMs: number | undefined;
  readonly offset: number | undefined;
  readonly key: Buffer | undefined;
}

/** One direction: its messages, and the frames of plain bytes. */
interface Side {
  readonly messages: MessageReader;
  readonly dissector: FrameDissector;
  /** Frames can no longer be found, because bytes are missing. */
  isLost: boolean;
  timeMs: number | undefined;
}

/** Builds the description of one connection, frame by frame. */
export class ConnectionReader {
  readonly facts: ConnectionFacts;
  readonly frames: InspectedFrame[] = [];
  readonly violations: (Violation & { readonly from: Role })[] = [];
  readonly notes: string[] = [];
  end: string | undefined;
  readonly #sides: Readonly<Record<Role, Side>>;
  readonly #isDeflated: Readonly<Record<Role, boolean>>;

  /** @param maxMessageBytes Largest message to inflate. */
  constructor(facts: ConnectionFacts, maxMessageBytes: number) {
    this.facts = facts;
    const known = knownExtensions(facts.extensions);
    if (known.note !== undefined) this.notes.push(known.note);
    if (!facts.isWhole) this.notes.push('the capture began after the connection had opened');
    const side = (from: Role): Side => ({
      messages: new MessageReader(known[from], maxMessageBytes, facts.isWhole),
      dissector: new FrameDissector(
        from,
        { ownedBits: facts.extensions === undefined ? RSV1 : ownedBitsOf(facts.extensions) },
        (frame) => this.#found(from, frame),
      ),
      isLost: false,
      timeMs: undefined,
    });
    this.#isDeflated = { client: known.client !== undefined, server: known.server !== undefined };
    this.#sides = { client: side('client'), server: side('server') };
  }

  /** Reads bytes of a stream. */
  bytes({ from, timeMs, bytes, missingBytes }: WireChunk): void {
    const side = this.#sides[from];
    side.timeMs = timeMs;
    if (missingBytes > 0 && !side.isLost) {
      side.isLost = true;
      this.notes.push(
        `${missingBytes.toLocaleString('en-US')} bytes of the ${from} are missing after byte ${side.dissector.position.toLocaleString('en-US')}; its later frames are not shown`,
      );
    }
    if (!side.isLost) side.dissector.push(bytes);
  }

  /** Records are missing from here on. */
  lose(): void {
    for (const { messages } of Object.values(this.#sides)) messages.lose();
  }

  /** Adds a frame. */
  frame(from: Role, frame: WireFrame, { timeMs, offset, key }: Recorded): void {
    const { fin, rsv, opcode, masked, length, payload, violation } = frame;
    const isComplete = payload.length === length;
    const content = this.#sides[from].messages.read({ fin, rsv, opcode, payload, isComplete });
    this.frames.push({
      number: this.frames.length + 1,
      from,
      timeMs,
      offset,
      fin,
      rsv1: (rsv & 4) !== 0,
      rsv2: (rsv & 2) !== 0,
      rsv3: (rsv & 1) !== 0,
      opcode,
      kind: opcodeName(opcode),
      masked,
      key,
      length,
      payload,
      isComplete,
      fields: fieldsOf(frame, this.#isDeflated[from], key),
      message: content.message,
      close: content.close,
      // After a wrong header, the content may be wrong for the same reason.
      violations:
        violation !== undefined
          ? [violationOf(violation)]
          : content.violation === undefined
            ? []
            : [content.violation],
      notes: content.note === undefined ? [] : [content.note],
    });
  }

  /** Adds a violation that a file reports, to the last frame of its side. */
  violation(from: Role, violation: Violation, isOfLastFrame: boolean): void {
    const at = this.frames.findLastIndex((frame) => frame.from === from);
    const frame = this.frames[at];
    if (frame === undefined || !isOfLastFrame) this.violations.push({ ...violation, from });
    else this.frames[at] = { ...frame, violations: [...frame.violations, violation] };
  }

  finish(): InspectedConnection {
    for (const from of ['client', 'server'] as const) this.#finishSide(from, this.#sides[from]);
    const { id, protocol, extensions = '' } = this.facts;
    const { frames, end, violations, notes } = this;
    return { id, protocol, extensions, frames, end, violations, notes };
  }

  #found(from: Role, frame: WireFrame): void {
    this.frame(from, frame, { timeMs: this.#sides[from].timeMs, offset: frame.offset, key: keyOf(frame) });
  }

  #finishSide(from: Role, { dissector, isLost }: Side): void {
    const { unfinished } = dissector;
    if (unfinished === undefined || isLost) return;
    const { offset, bytes, needed, violation, frame } = unfinished;
    const have = `the bytes of the ${from} end inside a frame at byte ${offset.toLocaleString('en-US')}`;
    this.notes.push(
      needed === undefined
        ? `${have}: its header is incomplete`
        : `${have}: ${bytes.toLocaleString('en-US')} of ${needed.toLocaleString('en-US')} bytes`,
    );
    if (frame !== undefined) this.#found(from, frame);
    else if (violation !== undefined) this.violations.push({ ...violationOf(violation), from });
  }
}
