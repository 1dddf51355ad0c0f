import type { Buffer } from 'node:buffer';
import { endsInside, numberReader, type Packet, type PacketFile } from './packet-file.ts';

const FILE_HEADER_BYTES = 24;
const PACKET_HEADER_BYTES = 16;
/** First bytes of a file in either byte order, with times in microseconds or nanoseconds. */
const MAGIC: ReadonlyMap<number, { readonly isLittle: boolean; readonly unitsAMs: number }> = new Map([
  [0xa1b2c3d4, { isLittle: false, unitsAMs: 1_000 }],
  [0xd4c3b2a1, { isLittle: true, unitsAMs: 1_000 }],
  [0xa1b23c4d, { isLittle: false, unitsAMs: 1_000_000 }],
  [0x4d3cb2a1, { isLittle: true, unitsAMs: 1_000_000 }],
]);

export function isPcap(bytes: Buffer): boolean {
  return bytes.length >= 4 && MAGIC.has(bytes.readUInt32BE(0));
}

/** Reads a pcap file as far as it is intact. */
export function readPcap(bytes: Buffer): PacketFile {
  const packets: Packet[] = [];
  if (bytes.length < FILE_HEADER_BYTES) return { packets, note: endsInside(0, 'its header') };
  const { isLittle, unitsAMs } = MAGIC.get(bytes.readUInt32BE(0))!;
  const { u32 } = numberReader(bytes, isLittle);
  // The upper bits tell about checksums of frames.
  const link = u32(20) & 0xffff;
  let at = FILE_HEADER_BYTES;
  while (at + PACKET_HEADER_BYTES <= bytes.length) {
    const start = at + PACKET_HEADER_BYTES;
    const end = start + u32(at + 8);
    if (end > bytes.length) break;
    const timeMs = u32(at) * 1_000 + u32(at + 4) / unitsAMs;
    packets.push({ timeMs, link, bytes: bytes.subarray(start, end), comment: '' });
    at = end;
  }
  return { packets, note: at < bytes.length ? endsInside(at, 'a packet') : undefined };
}
