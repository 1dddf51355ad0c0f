import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';

/**
 * Finds the addresses of a host, all of them where the system or `lookup` gives all.
 * @param host A name, or an address without brackets, which is its own answer.
 * @param found Called once, maybe at once; never with an empty list.
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
      found(new Error(`the lookup of ${host} gave no IP address`), []);
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

/** A lookup that knows its answer already. */
export const lookupOf =
  (addresses: readonly LookupAddress[]): LookupFunction =>
  (_, options, done) => {
    if (options.all === true) done(null, [...addresses]);
    else done(null, addresses[0]!.address, addresses[0]!.family);
  };
