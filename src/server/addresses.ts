import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import { MisuseError } from '../protocol/errors.ts';

/** Length of `::ffff:0:0/96`, under which IPv6 writes IPv4 (RFC 4291 §2.5.5.2). */
const MAPPED_PREFIX_BITS = 96;

/**
 * An address as it is shown and counted: IPv4 written as IPv6 becomes plain IPv4, in whatever form it was written.
 * Everything else, also what is no address, stays as it is.
 */
export function normalizeAddress(address: string): string {
  if (!address.includes(':')) return address;
  const groups = ipv6Groups(address);
  return groups !== undefined && isMapped(groups) ? dotted(groups) : address;
}

/**
 * What an address is counted under: IPv4 by itself, IPv6 by its first `ipv6PrefixBits` bits, since one customer holds a
 * whole prefix. A zone (`%eth0`) is left out. What is no address counts by its text.
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

/** Addresses and CIDR ranges (`10.0.0.0/8`, `2001:db8::/32`), or a function that decides. */
export type AddressList = readonly string[] | ((address: string) => boolean);

/**
 * @returns Whether an address, as {@link normalizeAddress} gives it, is in the list. What is no address is in no list. A
 *   function counts only if it returns exactly `true`, so that a promise admits nobody; what it throws passes through.
 * @throws MisuseError `ERR_OPTION` for an entry that is neither address nor range.
 */
export function addressMatcher(list: AddressList): (address: string) => boolean {
  if (typeof list === 'function') {
    const decide: (address: string) => unknown = list;
    return (address) => decide(address) === true;
  }
  if (list.length === 0) return () => false;
  const known = new BlockList();
  for (const entry of list) addEntry(known, entry);
  return (address) => {
    const plain = withoutZone(address);
    const family = isIP(plain);
    return family !== 0 && known.check(plain, family === 4 ? 'ipv4' : 'ipv6');
  };
}

/** Whether `text` is an address or a range, as {@link addressMatcher} takes them. */
export function isAddressOrRange(text: string): boolean {
  const slash = text.indexOf('/');
  const family = isIP(slash < 0 ? text : text.slice(0, slash));
  if (family === 0 || text.includes('%')) return false;
  if (slash < 0) return true;
  const bits = text.slice(slash + 1);
  return /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
}

function addEntry(known: BlockList, entry: string): void {
  if (!isAddressOrRange(entry)) {
    throw new MisuseError('ERR_OPTION', `${JSON.stringify(entry)} is neither an IP address nor a CIDR range`);
  }
  const slash = entry.indexOf('/');
  const written = slash < 0 ? entry : entry.slice(0, slash);
  const address = normalizeAddress(written);
  const family = isIPv4(address) ? 'ipv4' : 'ipv6';
  if (slash < 0) return known.addAddress(address, family);
  const bits = Number(entry.slice(slash + 1));
  if (address === written) return known.addSubnet(address, bits, family);
  if (bits >= MAPPED_PREFIX_BITS) return known.addSubnet(address, bits - MAPPED_PREFIX_BITS, 'ipv4');
  known.addSubnet(written, bits, 'ipv6');
}

function withoutZone(address: string): string {
  const zone = address.indexOf('%');
  return zone < 0 ? address : address.slice(0, zone);
}

/** The eight 16-bit groups of an IPv6 address, or `undefined` if it is none. */
function ipv6Groups(address: string): number[] | undefined {
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
