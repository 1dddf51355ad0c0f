import { Buffer } from 'node:buffer';
import { OPCODE, printable } from '../protocol/index.ts';
import type { DecodedFrame } from '../testing/index.ts';
import type { Answer } from './case.ts';
import type { FrameSpec } from './model.ts';

/** Maximum number of bytes of a frame that a report shows. */
export const SHOWN_BYTES = 64;

const NAMES: Readonly<Record<number, string>> = {
  [OPCODE.CONTINUATION]: 'continuation',
  [OPCODE.TEXT]: 'text',
  [OPCODE.BINARY]: 'binary',
  [OPCODE.CLOSE]: 'Close',
  [OPCODE.PING]: 'ping',
  [OPCODE.PONG]: 'pong',
};
export const opcodeName = (opcode: number): string => NAMES[opcode] ?? `opcode ${opcode}`;

/** Bytes as text if they are printable ASCII, otherwise as hexadecimal digits. Long payloads are cut, with their length. */
export function shownPayload(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'empty';
  const start = Buffer.from(bytes.subarray(0, 24));
  const readable = start.every((byte) => byte >= 0x20 && byte < 0x7f);
  const shown = readable ? JSON.stringify(start.toString('latin1')) : start.toString('hex');
  return bytes.length > start.length ? `${shown}… (${bytes.length} bytes)` : shown;
}

export const shownAnswer = ({ type, payload }: Answer): string => `${type} ${shownPayload(payload)}`;

/** Code and reason of a Close, valid or not. */
export function shownClose(payload: Buffer): string {
  if (payload.length === 0) return 'Close without a code';
  if (payload.length === 1) return `Close with a body of one byte, ${payload.toString('hex')}`;
  const reason = payload.subarray(2).toString('utf8');
  return `Close ${payload.readUInt16BE(0)}${reason === '' ? '' : ` ${printable(JSON.stringify(reason))}`}`;
}

export function shownFrame(frame: DecodedFrame | FrameSpec, payload: Buffer): string {
  const flags = [
    frame.fin === false ? 'FIN 0' : '',
    frame.rsv1 === true ? 'RSV1' : '',
    frame.rsv2 === true ? 'RSV2' : '',
    frame.rsv3 === true ? 'RSV3' : '',
    'wrongMask' in frame ? 'wrongly masked' : '',
    'announcedLength' in frame ? `length ${frame.announcedLength}` : '',
    frame.lengthForm === 16 || frame.lengthForm === 64 ? `length in ${frame.lengthForm} bits` : '',
  ].filter((flag) => flag !== '');
  const body =
    frame.opcode === OPCODE.CLOSE
      ? shownClose(payload)
      : `${opcodeName(frame.opcode)} ${shownPayload(payload)}`;
  return flags.length === 0 ? body : `${body} [${flags.join(', ')}]`;
}

/** Omits the lines in the middle of a long list. */
export function abridged(lines: readonly string[], most = 12): string[] {
  if (lines.length <= most) return [...lines];
  const half = most / 2;
  return [...lines.slice(0, half), `… ${lines.length - most} more …`, ...lines.slice(-half)];
}
