import type { Buffer } from 'node:buffer';
import { endsInside, type NumberReader, numberReader, type Packet, type PacketFile } from './packet-file.ts';

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE = 1;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;
const OPTION_COMMENT = 1;
const OPTION_RESOLUTION = 9;
/** The smallest block: type, length, and length again. */
const MIN_BLOCK_BYTES = 12;
const BODY_AT = 8;
const ENHANCED_HEADER_BYTES = 20;

interface Interface {
  readonly link: number;
  /** Units of the time stamps in one ms. */
  readonly unitsAMs: number;
}
const UNKNOWN: Interface = Object.freeze({ link: -1, unitsAMs: 1_000 });

export function isPcapng(bytes: Buffer): boolean {
  return bytes.length >= 4 && bytes.readUInt32BE(0) === SECTION_HEADER;
}

/** Reads a pcapng file as far as it is intact. */
export function readPcapng(bytes: Buffer): PacketFile {
  return new PcapngReader(bytes).read();
}

class PcapngReader {
  readonly #bytes: Buffer;
  readonly #packets: Packet[] = [];
  #numbers: NumberReader;
  #interfaces: Interface[] = [];

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#numbers = numberReader(bytes, true);
  }

  read(): PacketFile {
    const bytes = this.#bytes;
    let at = 0;
    while (at + MIN_BLOCK_BYTES <= bytes.length) {
      if (bytes.readUInt32BE(at) === SECTION_HEADER) this.#beginSection(at);
      const length = this.#numbers.u32(at + 4);
      if (length < MIN_BLOCK_BYTES || length % 4 !== 0)
        return this.#done(`the block at byte ${at} has the impossible length ${length}`);
      if (at + length > bytes.length) break;
      this.#block(this.#numbers.u32(at), at + BODY_AT, at + length - 4);
      at += length;
    }
    return this.#done(at < bytes.length ? endsInside(at, 'a block') : undefined);
  }

  #done(note: string | undefined): PacketFile {
    return { packets: this.#packets, note };
  }

  /** Each section has its own byte order and its own interfaces. */
  #beginSection(at: number): void {
    this.#interfaces = [];
    this.#numbers = numberReader(this.#bytes, this.#bytes[at + BODY_AT] === 0x4d);
  }

  #block(type: number, start: number, end: number): void {
    const length = end - start;
    if (type === INTERFACE && length >= 8) this.#interface(start, end);
    else if (type === ENHANCED_PACKET && length >= ENHANCED_HEADER_BYTES) this.#enhanced(start, end);
    else if (type === SIMPLE_PACKET && length >= 4) {
      const { link } = this.#interfaces[0] ?? UNKNOWN;
      const packetEnd = Math.min(end, start + 4 + this.#numbers.u32(start));
      this.#packets.push({
        timeMs: 0,
        link,
        bytes: this.#bytes.subarray(start + 4, packetEnd),
        comment: '',
      });
    }
  }

  #interface(start: number, end: number): void {
    const resolution = this.#option(start + 8, end, OPTION_RESOLUTION)?.[0];
    const unitsAMs =
      resolution === undefined
        ? UNKNOWN.unitsAMs
        : (resolution < 0x80 ? 10 ** resolution : 2 ** (resolution & 0x7f)) / 1_000;
    this.#interfaces.push({ link: this.#numbers.u16(start), unitsAMs });
  }

  #enhanced(start: number, end: number): void {
    const { u32 } = this.#numbers;
    const { link, unitsAMs } = this.#interfaces[u32(start)] ?? UNKNOWN;
    const packetAt = start + ENHANCED_HEADER_BYTES;
    const length = Math.min(u32(start + 12), end - packetAt);
    const optionsAt = packetAt + Math.ceil(length / 4) * 4;
    this.#packets.push({
      timeMs: (u32(start + 4) * 2 ** 32 + u32(start + 8)) / unitsAMs,
      link,
      bytes: this.#bytes.subarray(packetAt, packetAt + length),
      comment: this.#option(optionsAt, end, OPTION_COMMENT)?.toString('utf8') ?? '',
    });
  }

  /** The value of the first option with a code. */
  #option(start: number, end: number, wanted: number): Buffer | undefined {
    let at = start;
    while (at + 4 <= end) {
      const code = this.#numbers.u16(at);
      const length = this.#numbers.u16(at + 2);
      if (code === 0 || at + 4 + length > end) return undefined;
      if (code === wanted) return this.#bytes.subarray(at + 4, at + 4 + length);
      at += 4 + Math.ceil(length / 4) * 4;
    }
    return undefined;
  }
}
