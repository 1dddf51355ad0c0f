import type { PeerErrorCode } from '../src/protocol/errors.ts';
import { line, type Outcome, type Stage } from './drive.ts';
import { isText, mayBecomeText } from './utf8-model.ts';

/**
 * An independent model of RFC 6455 §5 to §8 for complete input; the parser is compared with it. Written from the RFC and the
 * requirements to be simple and correct. It is slow and shares no code with the parser.
 */
export function expected(stage: Stage, wire: Uint8Array): Outcome {
  const lines: string[] = stage.closeFirst === true ? ['> close 1000'] : [];
  const done = (...last: string[]): Outcome => ({
    lines: [...lines, ...last],
    unfinished: false,
    heldBytes: 0,
  });
  const fail = (code: PeerErrorCode, closeCode: number): Outcome =>
    stage.closeFirst === true ? done(`failure ${code}`) : done(`> close ${closeCode}`, `failure ${code}`);

  let message: MessageSoFar | undefined;
  let rest = Buffer.from(wire);
  for (;;) {
    const fault = brokenRule(rest, stage, message);
    if (fault !== undefined) return fail(fault.code, fault.closeCode);
    const frame = readWholeHeader(rest);
    if (frame === undefined) {
      return { lines, unfinished: rest.length > 0 || message !== undefined, heldBytes: held(message) };
    }
    const payload = unmasked(rest, frame);
    const whole = payload.length === frame.payloadBytes;
    rest = rest.subarray(frame.headerBytes + payload.length);

    if (frame.opcode >= 8) {
      if (!whole) return { lines, unfinished: true, heldBytes: held(message) };
      if (frame.opcode === 9) lines.push(line.data('> pong', payload), line.data('ping', payload));
      else if (frame.opcode === 10) lines.push(line.data('pong', payload));
      else {
        const close = readClose(payload);
        if ('code' in close) return fail(close.code, close.closeCode);
        const answer = stage.closeFirst === true ? [] : [line.sentClose(payload.subarray(0, 2))];
        return done(...answer, close.line);
      }
      continue;
    }

    const begun: MessageSoFar = message ?? { opcode: frame.opcode, bytes: Buffer.alloc(0), frames: 0 };
    message = {
      opcode: begun.opcode,
      bytes: Buffer.concat([begun.bytes, payload]),
      frames: begun.frames + 1,
    };
    if (message.opcode === 1 && !mayBecomeText(message.bytes)) return fail('ERR_UTF8', 1007);
    if (!whole) return { lines, unfinished: true, heldBytes: held(message) };
    if (!frame.fin) continue;
    if (message.opcode === 1 && !isText(message.bytes)) return fail('ERR_UTF8', 1007);
    lines.push(
      message.opcode === 1 ? line.text(message.bytes.toString('utf8')) : line.data('binary', message.bytes),
    );
    message = undefined;
  }
}

interface MessageSoFar {
  readonly opcode: number;
  readonly bytes: Buffer;
  readonly frames: number;
}

const held = (message: MessageSoFar | undefined): number => message?.bytes.length ?? 0;

type Proof = (prefix: readonly number[], stage: Stage, message: MessageSoFar | undefined) => boolean;

const opcodeOf = (prefix: readonly number[]): number => prefix[0]! & 0x0f;
const isControl = (prefix: readonly number[]): boolean => opcodeOf(prefix) >= 8;
const shortLength = (prefix: readonly number[]): number => (prefix[1] ?? 0) & 0x7f;

/** The payload length; `undefined` while bytes of it are missing. */
function lengthOf(prefix: readonly number[]): bigint | undefined {
  if (prefix.length < 2) return undefined;
  const short = shortLength(prefix);
  const field = short === 126 ? prefix.slice(2, 4) : short === 127 ? prefix.slice(2, 10) : [short];
  if (field.length < (short === 126 ? 2 : short === 127 ? 8 : 1)) return undefined;
  return BigInt(`0x${Buffer.from(field).toString('hex')}`);
}

const dataLength = (prefix: readonly number[]): bigint =>
  isControl(prefix) ? -1n : (lengthOf(prefix) ?? -1n);

/** Rules in the order of requirement FP-03. A proof tells whether a prefix of a frame already breaks the rule. */
const RULES: readonly (readonly [PeerErrorCode, number, Proof])[] = [
  ['ERR_RSV', 1002, (prefix) => (prefix[0]! & 0x70) !== 0],
  ['ERR_OPCODE', 1002, (prefix) => ![0, 1, 2, 8, 9, 10].includes(opcodeOf(prefix))],
  ['ERR_CONTROL_FRAGMENTED', 1002, (prefix) => isControl(prefix) && prefix[0]! < 0x80],
  ['ERR_MASK_MISSING', 1002, (prefix, { role }) => role === 'server' && (prefix[1] ?? 0x80) < 0x80],
  ['ERR_MASK_UNEXPECTED', 1002, (prefix, { role }) => role === 'client' && (prefix[1] ?? 0) >= 0x80],
  ['ERR_CONTROL_TOO_LONG', 1002, (prefix) => isControl(prefix) && shortLength(prefix) > 125],
  ['ERR_CONTINUATION', 1002, (prefix, _, message) => opcodeOf(prefix) === 0 && message === undefined],
  [
    'ERR_INTERLEAVED',
    1002,
    (prefix, _, message) => [1, 2].includes(opcodeOf(prefix)) && message !== undefined,
  ],
  [
    'ERR_TOO_MANY_FRAGMENTS',
    1008,
    (prefix, { limits }, message) =>
      opcodeOf(prefix) === 0 && message !== undefined && message.frames >= limits.maxFragments,
  ],
  ['ERR_LENGTH_SIGN', 1002, (prefix) => shortLength(prefix) === 127 && (prefix[2] ?? 0) >= 0x80],
  [
    'ERR_LENGTH_ENCODING',
    1002,
    (prefix) =>
      (shortLength(prefix) === 126 && (lengthOf(prefix) ?? 126n) < 126n) ||
      (shortLength(prefix) === 127 && prefix.length >= 8 && prefix.slice(2, 8).every((byte) => byte === 0)),
  ],
  [
    'ERR_MESSAGE_TOO_BIG',
    1009,
    (prefix, { limits }, message) =>
      dataLength(prefix) + BigInt(held(message)) > BigInt(limits.maxMessageBytes) && dataLength(prefix) >= 0n,
  ],
  ['ERR_FRAME_TOO_BIG', 1009, (prefix, { limits }) => dataLength(prefix) > BigInt(limits.maxFrameBytes)],
];

/** The broken rule that needs the fewest bytes of the frame as proof. */
function brokenRule(
  rest: Buffer,
  stage: Stage,
  message: MessageSoFar | undefined,
): { readonly code: PeerErrorCode; readonly closeCode: number } | undefined {
  for (let bytes = 1; bytes <= Math.min(rest.length, 14); bytes++) {
    const prefix = [...rest.subarray(0, bytes)];
    for (const [code, closeCode, proves] of RULES) {
      if (proves(prefix, stage, message)) return { code, closeCode };
    }
  }
  return undefined;
}

interface WholeHeader {
  readonly fin: boolean;
  readonly opcode: number;
  readonly payloadBytes: number;
  readonly key: readonly number[];
  readonly headerBytes: number;
}

function readWholeHeader(rest: Buffer): WholeHeader | undefined {
  const prefix = [...rest.subarray(0, 14)];
  const length = lengthOf(prefix);
  if (length === undefined) return undefined;
  const keyAt = shortLength(prefix) === 126 ? 4 : shortLength(prefix) === 127 ? 10 : 2;
  const headerBytes = prefix[1]! >= 0x80 ? keyAt + 4 : keyAt;
  if (prefix.length < headerBytes) return undefined;
  return {
    fin: prefix[0]! >= 0x80,
    opcode: opcodeOf(prefix),
    payloadBytes: Number(length),
    key: prefix.slice(keyAt, headerBytes),
    headerBytes,
  };
}

function unmasked(rest: Buffer, { headerBytes, payloadBytes, key }: WholeHeader): Buffer {
  const payload = rest.subarray(headerBytes, headerBytes + payloadBytes);
  return Buffer.from(Array.from(payload, (byte, i) => byte ^ (key[i % 4] ?? 0)));
}

function readClose(
  body: Buffer,
): { readonly line: string } | { readonly code: PeerErrorCode; readonly closeCode: number } {
  if (body.length === 0) return { line: line.close(1005, '') };
  if (body.length === 1) return { code: 'ERR_CLOSE_BODY', closeCode: 1002 };
  const code = body[0]! * 256 + body[1]!;
  const registered = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
  if (!registered.includes(code) && (code < 3000 || code > 4999)) {
    return { code: 'ERR_CLOSE_CODE', closeCode: 1002 };
  }
  const reason = body.subarray(2);
  if (!isText(reason)) return { code: 'ERR_UTF8', closeCode: 1007 };
  return { line: line.close(code, reason.toString('utf8')) };
}
