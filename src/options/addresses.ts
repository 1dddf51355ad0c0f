import { BlockList, isIP, isIPv4 } from 'node:net';
import { MisuseError } from '../protocol/errors.ts';
import { normalizeAddress, withoutZone } from '../sockets/ip-address.ts';
import { verdictOf } from './call-check.ts';

/** Length of `::ffff:0:0/96`, under which IPv6 writes IPv4 (RFC 4291 §2.5.5.2). */
const MAPPED_PREFIX_BITS = 96;

/** Addresses and CIDR ranges (`10.0.0.0/8`, `2001:db8::/32`), or a function that decides. */
export type AddressList = readonly string[] | ((address: string) => boolean);

/**
 * @returns Whether the list contains an address in the form of {@link normalizeAddress}. `false` for text that is not
 *   an address. Errors that the function throws pass through; a result other than `true` and `false` is misuse.
 * @throws MisuseError `ERR_OPTION` for an entry that is neither an address nor a range.
 */
export function addressMatcher(list: AddressList): (address: string) => boolean {
  if (typeof list === 'function') {
    const decide: (address: string) => unknown = list;
    return (address) => verdictOf('exemptAddresses', decide(address));
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

/** Whether `text` is an address or a range that {@link addressMatcher} accepts. */
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
