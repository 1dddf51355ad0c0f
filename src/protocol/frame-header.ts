import {
  CONTROL_BIT,
  FIN,
  LENGTH_16,
  LENGTH_MASK,
  MASK_BIT,
  MAX_CONTROL_BYTES,
  OPCODE,
  OPCODE_MASK,
  RSV_MASK,
  type Role,
} from './constants.ts';
import { PeerError } from './errors.ts';
import { expandedBytes, type ProtocolLimits } from './limits.ts';
import { readKey } from './mask.ts';

const hex = (byte: number): string => `0x${byte.toString(16).padStart(2, '0')}`;

/**
 * Reads and validates frame headers (§5.2), and tracks how fragments form messages (§5.4). Each rule is applied at the
 * first byte that can prove a violation, so the cuts of the input do not change the result. Its fields describe the last
 * header read.
 */
export class FrameHeader {
  fin = true;
  opcode = 0;
  payloadBytes = 0;
  masked = false;
  /** Masking key in the form that `mask` takes; valid only while `masked`. */
  key = 0;
  /** Opcode of the fragmented message in progress, 0 between messages. */
  messageOpcode = 0;
  /** Payload bytes of the message so far, including this frame. */
  messageBytes = 0;
  /**
   * Reserved bits on the first frame of the message that the last data frame belongs to: the extensions that have
   * transformed it. 0 for none.
   */
  reservedBits = 0;

  readonly limits: ProtocolLimits;

  readonly #mustBeMasked: boolean;
  readonly #ownedBits: number;
  #fragments = 0;

  /**
   * @param role Role of this side: a server accepts masked frames only, a client unmasked frames only (§5.1).
   * @param ownedBits Reserved bits that negotiated extensions own, such as `RSV1`. Default: none.
   */
  constructor(role: Role, limits: ProtocolLimits, ownedBits = 0) {
    this.#mustBeMasked = role === 'server';
    this.#ownedBits = ownedBits;
    this.limits = limits;
  }

  /**
   * Reads a header from `bytes` at `start` without consuming it.
   * @returns The header length in bytes; 0 if the bytes before `end` are valid but not a complete header.
   * @throws PeerError for the first rule that these bytes break.
   */
  read(bytes: Uint8Array, start: number, end: number): number {
    const available = end - start;
    if (available < 1) return 0;
    const first = bytes[start]!;
    const opcode = first & OPCODE_MASK;
    this.#checkFirstByte(first, opcode);
    if (available < 2) return 0;

    const second = bytes[start + 1]!;
    const masked = (second & MASK_BIT) !== 0;
    const short = second & LENGTH_MASK;
    if (masked !== this.#mustBeMasked)
      throw new PeerError(masked ? 'ERR_MASK_UNEXPECTED' : 'ERR_MASK_MISSING');
    if ((opcode & CONTROL_BIT) !== 0 && short > MAX_CONTROL_BYTES)
      throw new PeerError('ERR_CONTROL_TOO_LONG', undefined, { value: short });

    const lengthBytes = short < LENGTH_16 ? 0 : short === LENGTH_16 ? 2 : 8;
    const payloadBytes = lengthBytes === 0 ? short : readLength(bytes, start + 2, end, lengthBytes);
    if (payloadBytes < 0) return 0;
    // Control frames have a limit of their own and do not lengthen the message.
    if ((opcode & CONTROL_BIT) === 0) this.#checkLimits(payloadBytes, opcode, first);

    const headerBytes = 2 + lengthBytes + (masked ? 4 : 0);
    if (available < headerBytes) return 0;
    this.fin = (first & FIN) !== 0;
    this.opcode = opcode;
    this.payloadBytes = payloadBytes;
    this.masked = masked;
    if (masked) this.key = readKey(bytes, start + headerBytes - 4);
    if ((opcode & CONTROL_BIT) === 0) this.#follow(opcode, first);
    return headerBytes;
  }

  #checkFirstByte(first: number, opcode: number): void {
    if ((first & RSV_MASK) !== 0) this.#checkReserved(first, opcode);
    if ((opcode & CONTROL_BIT) !== 0) {
      if (opcode > OPCODE.PONG) throw new PeerError('ERR_OPCODE', hex(opcode), { value: opcode });
      if ((first & FIN) === 0) throw new PeerError('ERR_CONTROL_FRAGMENTED');
      return;
    }
    if (opcode > OPCODE.BINARY) throw new PeerError('ERR_OPCODE', hex(opcode), { value: opcode });
    if (opcode === OPCODE.CONTINUATION) {
      const { maxFragments } = this.limits;
      if (this.messageOpcode === 0) throw new PeerError('ERR_CONTINUATION', undefined, { value: opcode });
      if (this.#fragments >= maxFragments) {
        throw new PeerError('ERR_TOO_MANY_FRAGMENTS', `more than ${maxFragments}`);
      }
    } else if (this.messageOpcode !== 0) throw new PeerError('ERR_INTERLEAVED', undefined, { value: opcode });
  }

  /** Accepts owned bits, on the first frame of a message only (RFC 7692 §6). */
  #checkReserved(first: number, opcode: number): void {
    const isMark =
      (first & RSV_MASK & ~this.#ownedBits) === 0 && (opcode === OPCODE.TEXT || opcode === OPCODE.BINARY);
    if (!isMark) throw new PeerError('ERR_RSV', `first byte ${hex(first)}`);
  }

  #checkLimits(payloadBytes: number, opcode: number, first: number): void {
    const { maxFrameBytes, maxMessageBytes } = this.limits;
    const isContinuation = opcode === OPCODE.CONTINUATION;
    const messageBytes = isContinuation ? this.messageBytes + payloadBytes : payloadBytes;
    if (messageBytes <= maxMessageBytes && payloadBytes <= maxFrameBytes) return;
    const reservedBits = isContinuation ? this.reservedBits : first & RSV_MASK;
    if (
      reservedBits !== 0 &&
      messageBytes <= expandedBytes(maxMessageBytes) &&
      payloadBytes <= expandedBytes(maxFrameBytes)
    )
      return;
    if (messageBytes > maxMessageBytes) {
      throw new PeerError('ERR_MESSAGE_TOO_BIG', `${messageBytes} bytes, the limit is ${maxMessageBytes}`);
    }
    throw new PeerError('ERR_FRAME_TOO_BIG', `${payloadBytes} bytes, the limit is ${maxFrameBytes}`);
  }

  #follow(opcode: number, first: number): void {
    if (opcode !== OPCODE.CONTINUATION) {
      this.reservedBits = first & RSV_MASK;
      this.messageBytes = this.payloadBytes;
      this.#fragments = 1;
      if (!this.fin) this.messageOpcode = opcode;
    } else {
      this.messageBytes += this.payloadBytes;
      this.#fragments++;
    }
  }

  /** Ends the message in progress; the next data frame starts a new one. */
  endMessage(): void {
    this.messageOpcode = 0;
  }
}

/**
 * Reads an extended payload length.
 * @returns -1 while bytes are missing. Values above 2^53 lose precision; every limit is smaller than that.
 */
function readLength(bytes: Uint8Array, start: number, end: number, lengthBytes: 2 | 8): number {
  const available = Math.min(lengthBytes, end - start);
  if (available === 0) return -1;
  if (lengthBytes === 2) {
    if (available < 2) return -1;
    const length = bytes[start]! * 256 + bytes[start + 1]!;
    if (length < LENGTH_16) throw new PeerError('ERR_LENGTH_ENCODING', `${length} in 2 bytes`);
    return length;
  }
  if (bytes[start]! >= 0x80) throw new PeerError('ERR_LENGTH_SIGN');
  let length = 0;
  for (let i = 0; i < available; i++) {
    length = length * 256 + bytes[start + i]!;
    // If the top 6 bytes are 0, the 2-byte form would have been enough.
    if (i === 5 && length === 0) throw new PeerError('ERR_LENGTH_ENCODING', 'at most 65535 in 8 bytes');
  }
  return available < 8 ? -1 : length;
}
