import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';

/**
 * Resolves a host to all addresses that the system or `lookup` returns.
 * @param host A name, or an address without brackets; an address needs no lookup.
 * @param found Called once, possibly synchronously. The list is empty only with an error.
 */
export function resolveHost(
  host: string,
  lookup: LookupFunction = systemLookup,
  found: (error: Error | undefined, addresses: readonly LookupAddress[]) => void,
): void {
  const family = isIP(host);
  if (family !== 0) {
    found(undefined, [{ address: host, family }]);
    return;
  }
  let answered = false;
  const answer = (error: Error | null | undefined, addresses: readonly LookupAddress[]): void => {
    if (answered) return;
    answered = true;
    if (error !== null && error !== undefined) found(error, []);
    else if (addresses.some(({ address }) => isIP(address) === 0) || addresses.length === 0) {
      found(new Error(`the lookup of ${host} returned no IP address`), []);
    } else found(undefined, addresses);
  };
  try {
    lookup(host, { all: true }, (error, address, givenFamily) => {
      if (Array.isArray(address)) answer(error, address);
      else answer(error, [{ address, family: givenFamily ?? isIP(address) }]);
    });
  } catch (error) {
    answer(error instanceof Error ? error : new Error(String(error)), []);
  }
}

/** A lookup function that returns known addresses. */
export const lookupOf =
  (addresses: readonly LookupAddress[]): LookupFunction =>
  (_, options, done) => {
    if (options.all === true) done(null, [...addresses]);
    else done(null, addresses[0]!.address, addresses[0]!.family);
  };
