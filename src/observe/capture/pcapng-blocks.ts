import { Buffer } from 'node:buffer';

const SECTION_HEADER = 0x0a0d0d0a;
const BYTE_ORDER = 0x1a2b3c4d;
const INTERFACE = 1;
const ENHANCED_PACKET = 6;
/** Link type of packets that begin with an IPv4 or IPv6 header. */
const LINK_RAW_IP = 101;
const OPTION_END = 0;
const OPTION_COMMENT = 1;
const OPTION_USER_APPLICATION = 4;
/** Written as the length of a section whose length is not known. */
const UNKNOWN_LENGTH = 0xffffffff;
const MICROSECONDS_A_MS = 1_000;

function padded(bytes: Buffer): Buffer {
  const rest = bytes.length % 4;
  return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(4 - rest)]);
}

function option(code: number, value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  const head = Buffer.alloc(4);
  head.writeUInt16LE(code, 0);
  head.writeUInt16LE(bytes.length, 2);
  return Buffer.concat([head, padded(bytes)]);
}

const END_OF_OPTIONS = Buffer.from([OPTION_END, 0, 0, 0]);

function block(type: number, ...parts: readonly Buffer[]): Buffer {
  const length = 12 + parts.reduce((bytes, part) => bytes + part.length, 0);
  const head = Buffer.alloc(8);
  head.writeUInt32LE(type, 0);
  head.writeUInt32LE(length, 4);
  const tail = Buffer.alloc(4);
  tail.writeUInt32LE(length, 0);
  return Buffer.concat([head, ...parts, tail]);
}

/** The beginning of a pcapng file with one interface that carries raw IP packets. */
export function fileHeader(application: string): Buffer {
  const section = Buffer.alloc(16);
  section.writeUInt32LE(BYTE_ORDER, 0);
  section.writeUInt16LE(1, 4);
  section.writeUInt32LE(UNKNOWN_LENGTH, 8);
  section.writeUInt32LE(UNKNOWN_LENGTH, 12);
  const link = Buffer.alloc(8);
  link.writeUInt16LE(LINK_RAW_IP, 0);
  return Buffer.concat([
    block(SECTION_HEADER, section, option(OPTION_USER_APPLICATION, application), END_OF_OPTIONS),
    block(INTERFACE, link),
  ]);
}

/**
 * A block with one packet.
 * @param wallMs Time in ms since 1970.
 */
export function packetBlock(wallMs: number, packet: Buffer, comment: string): Buffer {
  const head = Buffer.alloc(20);
  const stamp = BigInt(Math.round(wallMs * MICROSECONDS_A_MS));
  head.writeUInt32LE(Number(stamp >> 32n), 4);
  head.writeUInt32LE(Number(stamp & 0xffffffffn), 8);
  head.writeUInt32LE(packet.length, 12);
  head.writeUInt32LE(packet.length, 16);
  return block(ENHANCED_PACKET, head, padded(packet), option(OPTION_COMMENT, comment), END_OF_OPTIONS);
}
