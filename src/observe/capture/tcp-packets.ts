import { Buffer } from 'node:buffer';
import { isIPv4 } from 'node:net';
import { ipv6Groups } from '../../sockets/ip-address.ts';

/** Flags of a TCP header. */
export const TCP = Object.freeze({ FIN: 0x01, SYN: 0x02, RST: 0x04, PSH: 0x08, ACK: 0x10 });

/** One end of a synthetic TCP connection. */
export interface Endpoint {
  /** 4 or 16 bytes. */
  readonly address: Buffer;
  readonly port: number;
  /** Sequence number of the next byte it sends. */
  sequence: number;
}

const TCP_PROTOCOL = 6;
const TCP_HEADER_BYTES = 20;
const HOP_LIMIT = 64;
const WINDOW = 0xffff;
/** Options of a SYN: the segment size, and a window scaled to 1 GiB, so that no reader takes a full window for a fault. */
const SYN_OPTIONS = Buffer.from([2, 4, 0xff, 0xff, 1, 3, 3, 14]);

/** The bytes of an IP address; those of loopback for other text, such as the missing address of a Unix socket. */
export function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const groups = ipv6Groups(address);
  if (groups === undefined) return Buffer.from([127, 0, 0, 1]);
  const bytes = Buffer.alloc(16);
  for (const [i, group] of groups.entries()) bytes.writeUInt16BE(group, i * 2);
  return bytes;
}

/** The address of loopback in the family of `address`. */
export function loopbackLike(address: Buffer): Buffer {
  return addressBytes(address.length === 4 ? '127.0.0.1' : '::1');
}

/** The ones' complement sum of RFC 1071, over several parts of even length except the last. */
function checksum(parts: readonly Buffer[]): number {
  let sum = 0;
  for (const part of parts) {
    for (let i = 0; i + 1 < part.length; i += 2) sum += part.readUInt16BE(i);
    if (part.length % 2 === 1) sum += part[part.length - 1]! << 8;
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

/** An IP packet with one TCP segment, and advances the sequence number of its sender. */
export function tcpPacket(from: Endpoint, to: Endpoint, flags: number, payload: Uint8Array): Buffer {
  const options = (flags & TCP.SYN) === 0 ? Buffer.alloc(0) : SYN_OPTIONS;
  const tcp = Buffer.alloc(TCP_HEADER_BYTES + options.length);
  tcp.writeUInt16BE(from.port, 0);
  tcp.writeUInt16BE(to.port, 2);
  tcp.writeUInt32BE(from.sequence, 4);
  if ((flags & TCP.ACK) !== 0) tcp.writeUInt32BE(to.sequence, 8);
  tcp[12] = (tcp.length / 4) << 4;
  tcp[13] = flags;
  tcp.writeUInt16BE(WINDOW, 14);
  options.copy(tcp, TCP_HEADER_BYTES);
  const data = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  const length = tcp.length + data.length;
  const pseudo = Buffer.alloc(4);
  pseudo[1] = TCP_PROTOCOL;
  pseudo.writeUInt16BE(length, 2);
  tcp.writeUInt16BE(checksum([from.address, to.address, pseudo, tcp, data]), 16);
  const counted = (flags & (TCP.SYN | TCP.FIN)) === 0 ? 0 : 1;
  from.sequence = (from.sequence + data.length + counted) >>> 0;
  const head =
    from.address.length === 4
      ? ipv4(from.address, to.address, length)
      : ipv6(from.address, to.address, length);
  return Buffer.concat([head, tcp, data]);
}

function ipv4(from: Buffer, to: Buffer, length: number): Buffer {
  const head = Buffer.alloc(20);
  head[0] = 0x45;
  head.writeUInt16BE(head.length + length, 2);
  head[6] = 0x40; // Do not fragment.
  head[8] = HOP_LIMIT;
  head[9] = TCP_PROTOCOL;
  from.copy(head, 12);
  to.copy(head, 16);
  head.writeUInt16BE(checksum([head]), 10);
  return head;
}

function ipv6(from: Buffer, to: Buffer, length: number): Buffer {
  const head = Buffer.alloc(40);
  head[0] = 0x60;
  head.writeUInt16BE(length, 4);
  head[6] = TCP_PROTOCOL;
  head[7] = HOP_LIMIT;
  from.copy(head, 8);
  to.copy(head, 24);
  return head;
}
