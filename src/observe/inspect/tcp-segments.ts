import type { Buffer } from 'node:buffer';
import type { Packet } from './packet-file.ts';

/** One TCP segment. */
export interface Segment {
  /** Address and port of the sender, and of the receiver. */
  readonly from: string;
  readonly to: string;
  readonly sequence: number;
  readonly isSyn: boolean;
  readonly timeMs: number;
  readonly comment: string;
  readonly payload: Buffer;
}

const TCP_PROTOCOL = 6;
const ETHER_IPV4 = 0x0800;
const ETHER_IPV6 = 0x86dd;
/** Types of tags for virtual networks, which come before the type of an Ethernet frame. */
const ETHER_TAGS: readonly number[] = [0x8100, 0x88a8];

/** Position of the IP header for each link type; a function where it depends on the packet. */
const IP_AT: ReadonlyMap<number, number | ((bytes: Buffer) => number)> = new Map<
  number,
  number | ((bytes: Buffer) => number)
>([
  [0, 4], // BSD loopback
  [1, ethernetPayload],
  [12, 0], // raw IP, as some systems number it
  [14, 0],
  [101, 0],
  [108, 4], // OpenBSD loopback
  [113, 16], // Linux, "any" interface
  [228, 0],
  [229, 0],
  [276, 20], // Linux, "any" interface, version 2
]);

function ethernetPayload(bytes: Buffer): number {
  let at = 12;
  while (at + 2 <= bytes.length && ETHER_TAGS.includes(bytes.readUInt16BE(at))) at += 4;
  const type = at + 2 <= bytes.length ? bytes.readUInt16BE(at) : 0;
  return type === ETHER_IPV4 || type === ETHER_IPV6 ? at + 2 : -1;
}

/** Whether packets of a link type can be read. */
export const isKnownLink = (link: number): boolean => IP_AT.has(link);

/** @returns `undefined` for a packet that is not TCP over IP, or not complete. */
export function readSegment({ link, bytes, timeMs, comment }: Packet): Segment | undefined {
  const where = IP_AT.get(link);
  const at = typeof where === 'function' ? where(bytes) : (where ?? -1);
  if (at < 0 || at >= bytes.length) return undefined;
  const ip = bytes.subarray(at);
  const version = ip[0]! >> 4;
  if (version === 4 && ip.length >= 20) {
    const headBytes = (ip[0]! & 0x0f) * 4;
    // Fragments of a packet: the offset, or the bit that says that more follow.
    const isFragment = (ip.readUInt16BE(6) & 0x3fff) !== 0;
    if (headBytes < 20 || ip[9] !== TCP_PROTOCOL || isFragment) return undefined;
    // Network cards that join segments leave the length 0.
    const total = ip.readUInt16BE(2) || ip.length;
    const ends = [12, 16].map((start) => ip.subarray(start, start + 4).join('.'));
    return readTcp(ip.subarray(headBytes, total), ends[0]!, ends[1]!, timeMs, comment);
  }
  if (version !== 6 || ip.length < 40 || ip[6] !== TCP_PROTOCOL) return undefined;
  const total = ip.readUInt16BE(4) === 0 ? ip.length : 40 + ip.readUInt16BE(4);
  return readTcp(ip.subarray(40, total), ipv6Text(ip, 8), ipv6Text(ip, 24), timeMs, comment);
}

function ipv6Text(ip: Buffer, at: number): string {
  const groups = Array.from({ length: 8 }, (_, i) => ip.readUInt16BE(at + i * 2).toString(16)).join(':');
  // The first run of zeros is enough: the text is for people.
  return `[${groups.replace(/(?:^|:)0(?::0)+(?:$|:)/, '::')}]`;
}

function readTcp(
  tcp: Buffer,
  from: string,
  to: string,
  timeMs: number,
  comment: string,
): Segment | undefined {
  if (tcp.length < 20) return undefined;
  const dataAt = (tcp[12]! >> 4) * 4;
  if (dataAt < 20 || dataAt > tcp.length) return undefined;
  return {
    from: `${from}:${tcp.readUInt16BE(0)}`,
    to: `${to}:${tcp.readUInt16BE(2)}`,
    sequence: tcp.readUInt32BE(4),
    isSyn: (tcp[13]! & 0x02) !== 0,
    timeMs,
    comment,
    payload: tcp.subarray(dataAt),
  };
}
