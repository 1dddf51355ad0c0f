import { isIPv4, isIPv6 } from 'node:net';

/** What the kernel puts before the IPv4 address of a peer of a dual-stack socket. */
const MAPPED = '::ffff:';

/**
 * The normal form of an address, for display and for counting: any IPv4-mapped IPv6 address becomes IPv4. Everything else,
 * including text that is not an address, stays unchanged.
 */
export function normalizeAddress(address: string): string {
  if (!address.includes(':')) return address;
  // Every IPv4 peer of a dual-stack socket: reading the groups would cost 5 % of a handshake.
  if (address.startsWith(MAPPED)) {
    const mapped = address.slice(MAPPED.length);
    if (isIPv4(mapped)) return mapped;
  }
  const groups = ipv6Groups(address);
  return groups !== undefined && isMapped(groups) ? dotted(groups) : address;
}

/**
 * The key that limits per address count by: the whole IPv4 address, or the first `ipv6PrefixBits` bits of an IPv6 address,
 * because one customer holds a whole prefix. Without the zone (`%eth0`). Text that is not an address is its own key.
 * @param ipv6PrefixBits 1 to 128.
 */
export function addressKey(address: string, ipv6PrefixBits: number): string {
  if (!address.includes(':')) return address;
  const groups = ipv6Groups(address);
  if (groups === undefined) return address;
  if (isMapped(groups)) return dotted(groups);
  let key = '';
  for (let i = 0; i * 16 < ipv6PrefixBits; i++) {
    const keptBits = Math.min(16, ipv6PrefixBits - i * 16);
    key += `${(groups[i]! & (0xffff << (16 - keptBits))).toString(16)}:`;
  }
  return `${key}/${ipv6PrefixBits}`;
}

/** An address without its zone (`%eth0`). */
export function withoutZone(address: string): string {
  const zone = address.indexOf('%');
  return zone < 0 ? address : address.slice(0, zone);
}

/** The eight 16-bit groups of an IPv6 address; `undefined` for other text. */
export function ipv6Groups(address: string): number[] | undefined {
  if (!isIPv6(address)) return undefined;
  let text = withoutZone(address);
  const lastColon = text.lastIndexOf(':');
  if (text.includes('.', lastColon)) {
    const [a, b, c, d] = text
      .slice(lastColon + 1)
      .split('.')
      .map(Number);
    text = `${text.slice(0, lastColon + 1)}${((a! << 8) | b!).toString(16)}:${((c! << 8) | d!).toString(16)}`;
  }
  const gap = text.indexOf('::');
  if (gap < 0) return hexGroups(text);
  const before = hexGroups(text.slice(0, gap));
  const after = hexGroups(text.slice(gap + 2));
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

const hexGroups = (text: string): number[] =>
  text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));

function isMapped(groups: readonly number[]): boolean {
  return groups[5] === 0xffff && groups.every((group, i) => i >= 5 || group === 0);
}

function dotted(groups: readonly number[]): string {
  const high = groups[6]!;
  const low = groups[7]!;
  return `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`;
}
