import type { Buffer } from 'node:buffer';

/** One packet of a pcap or pcapng file. */
export interface Packet {
  /** Ms since 1970. */
  readonly timeMs: number;
  /** Link type, as registered for pcap; -1 if the file does not tell. */
  readonly link: number;
  readonly bytes: Buffer;
  readonly comment: string;
}

/** The packets of a file, and where it stopped being readable. */
export interface PacketFile {
  readonly packets: readonly Packet[];
  readonly note: string | undefined;
}

/** Reads numbers of a file in its byte order. */
export interface NumberReader {
  readonly u16: (at: number) => number;
  readonly u32: (at: number) => number;
}

/** @param isLittle Whether the lowest byte comes first. */
export function numberReader(bytes: Buffer, isLittle: boolean): NumberReader {
  return isLittle
    ? { u16: (at) => bytes.readUInt16LE(at), u32: (at) => bytes.readUInt32LE(at) }
    : { u16: (at) => bytes.readUInt16BE(at), u32: (at) => bytes.readUInt32BE(at) };
}

/** Tells that a file ends early. */
export const endsInside = (at: number, what: string): string =>
  `the file ends inside ${what}, which begins at byte ${at.toLocaleString('en-US')}`;
