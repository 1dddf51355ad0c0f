import type { PeerError } from '../../protocol/errors.ts';
import type { Role } from '../../protocol/constants.ts';
import { ownedBitsOf } from '../inspect/compression.ts';
import { FrameDissector, minimalLengthBits, type WireFrame } from '../inspect/frame-dissector.ts';
import type { CapturedConnection, CaptureFormat, Recorder, RecordWriter } from './recorder.ts';

type Direction = 'in' | 'out';

/** Microseconds are the finest step of time that two frames of one process can be told apart by. */
const rounded = (ms: number): number => Math.round(ms * 1_000) / 1_000;

const line = (fields: Readonly<Record<string, unknown>>): string => `${JSON.stringify(fields)}\n`;

/**
 * JSON lines: one for a connection that begins, one for each frame and each violation, one for a connection that ends, and a last
 * one for the capture.
 * @param payloadBytes Bytes of each payload that are recorded.
 */
export function jsonlFormat(payloadBytes: number): CaptureFormat {
  return {
    opening: undefined,
    dropped: (records) => line({ dropped: records }),
    ending: (reason, records, droppedRecords) => line({ end: reason, records, droppedRecords }),
    record: (captured, writer) => new JsonlRecorder(captured, writer, payloadBytes),
  };
}

class JsonlRecorder implements Recorder {
  readonly #captured: CapturedConnection;
  readonly #writer: RecordWriter;
  readonly #payloadBytes: number;
  readonly #in: FrameDissector;
  readonly #out: FrameDissector;

  constructor(captured: CapturedConnection, writer: RecordWriter, payloadBytes: number) {
    this.#captured = captured;
    this.#writer = writer;
    this.#payloadBytes = payloadBytes;
    const { connection, driver, start } = captured;
    const { role } = driver.link.core;
    const { input, outputBytes, receivedBefore, sentBefore } = start;
    const peer: Role = role === 'server' ? 'client' : 'server';
    const ownedBits = ownedBitsOf(connection.extensions);
    const common = { keepBytes: payloadBytes, ownedBits };
    writer.writeAlways(
      line({
        capture: 1,
        id: connection.id,
        protocol: connection.protocol,
        extensions: connection.extensions,
        role,
        openedAt: connection.connectedAt.toISOString(),
        ...(receivedBefore + sentBefore === 0 ? {} : { before: { in: receivedBefore, out: sentBefore } }),
      }),
    );
    this.#in = new FrameDissector(
      peer,
      {
        ...common,
        limits: driver.owner.settings,
        skipBytes: input.payloadBytes,
        messageOpcode: input.messageOpcode,
      },
      (frame) => this.#frame('in', frame),
    );
    this.#out = new FrameDissector(role, { ...common, skipBytes: outputBytes }, (frame) =>
      this.#frame('out', frame),
    );
    this.#in.push(input.unparsed);
  }

  received(bytes: Uint8Array): void {
    this.#in.push(bytes);
  }

  sent(bytes: Uint8Array): void {
    this.#out.push(bytes);
  }

  closed({ code, reason, wasClean, initiator, sentCode, cause, error }: CaptureCloseInfo): void {
    this.#unfinished('in', this.#in);
    this.#unfinished('out', this.#out);
    const close = { code, reason, wasClean, initiator, sentCode, cause, error: error?.code };
    this.#writer.writeAlways(line({ ...this.#head(), close }));
  }

  #head(): { readonly t: number; readonly id: string } {
    return { t: rounded(this.#captured.now()), id: this.#captured.connection.id };
  }

  #frame(dir: Direction, frame: WireFrame): void {
    const { fin, rsv, opcode, masked, length, lengthBits, payload, violation } = frame;
    const long = lengthBits === minimalLengthBits(length) ? {} : { lengthBits };
    const shown = this.#payloadBytes === 0 ? {} : { payload: payload.toString('base64') };
    this.#writer.write(line({ ...this.#head(), dir, fin, rsv, opcode, masked, length, ...long, ...shown }));
    if (violation !== undefined) this.#violation(dir, violation);
  }

  #unfinished(dir: Direction, dissector: FrameDissector): void {
    const { unfinished } = dissector;
    if (unfinished === undefined) return;
    const { bytes, needed, header, violation } = unfinished;
    const begun = { bytes, needed, header: header.toString('hex') };
    this.#writer.write(line({ ...this.#head(), dir, unfinished: begun }));
    if (violation !== undefined) this.#violation(dir, violation);
  }

  #violation(dir: Direction, { code, section, reason }: PeerError): void {
    this.#writer.write(line({ ...this.#head(), dir, violation: { code, section, reason } }));
  }
}

type CaptureCloseInfo = Parameters<Recorder['closed']>[0];
