import { addressKey } from '../../sockets/ip-address.ts';
import { addressMatcher, type AddressList } from '../../options/addresses.ts';
import type { AdmissionRefusal } from './admission.ts';

/** Most addresses that a search for the address with most places visits, in the order of their first place. */
const MAX_LOOKS = 1_000;

/** Limits of pending handshakes: options of the server, documented there. */
export interface PlaceLimits {
  readonly maxPendingHandshakes: number;
  readonly maxPendingHandshakesPerIp: number | false;
  readonly exemptAddresses: AddressList;
  readonly ipv6PrefixBits: number;
}

/** The handshake that holds a place. */
export interface PlaceHolder {
  /** Another address gets the place: the handshake must end and release it during this call. */
  placeLost(): void;
}

interface AddressPlaces {
  readonly key: string;
  readonly address: string;
  places: number;
  newest: HandshakePlace | undefined;
  /** Whether `exemptAddresses` lists the address; `undefined` until the first check. */
  isExempt: boolean | undefined;
}

/** A place among pending handshakes, from accept until the socket becomes a connection or ends. */
export interface HandshakePlace {
  readonly refused?: undefined;
  /** Replaced when another object takes over the socket. */
  holder: PlaceHolder;
  /** The places of its address; `undefined` for a socket without an address. For {@link HandshakePlaces} alone. */
  of: AddressPlaces | undefined;
  older: HandshakePlace | undefined;
  newer: HandshakePlace | undefined;
  isHeld: boolean;
}

const newPlace = (holder: PlaceHolder, isHeld: boolean): HandshakePlace => ({
  holder,
  of: undefined,
  older: undefined,
  newer: undefined,
  isHeld,
});

/** A place that does not count, for a handshake without a peer. */
export const uncountedPlace = (): HandshakePlace => newPlace({ placeLost: () => {} }, false);

const FULL: AdmissionRefusal = Object.freeze({
  refused: 'ERR_SERVER_FULL',
  detail: 'too many handshakes at once',
});
const IP_LIMIT: AdmissionRefusal = Object.freeze({
  refused: 'ERR_IP_LIMIT',
  detail: 'too many handshakes from this address at once',
});
/** For the log: a handshake lost its place to another address. */
export const PLACE_LOST =
  'too many handshakes at once, most of them from this address: another address got the place';

/**
 * Counts the sockets between accept and 101 by address. While places are free, any address may take any number of them.
 * When all are taken, an address with fewer places gets one from the address with most, so that no address can lock out
 * the others. IPv6 addresses are counted by prefix.
 */
export class HandshakePlaces {
  readonly #limits: PlaceLimits;
  readonly #isTrusted: (address: string) => boolean;
  #isExempt: (address: string) => boolean;
  /** Only addresses with a place: never more entries than `maxPendingHandshakes`. */
  readonly #addresses = new Map<string, AddressPlaces>();
  #pending = 0;

  /**
   * @param isTrusted Whether an address belongs to a trusted proxy, which holds places for many clients.
   * @throws MisuseError `ERR_OPTION` for an entry of `exemptAddresses` that is neither address nor range.
   */
  constructor(limits: PlaceLimits, isTrusted: (address: string) => boolean = () => false) {
    this.#limits = limits;
    this.#isTrusted = isTrusted;
    this.#isExempt = addressMatcher(limits.exemptAddresses);
  }

  /** Call when the limits have changed in place. */
  settingsChanged(): void {
    this.#isExempt = addressMatcher(this.#limits.exemptAddresses);
    for (const places of this.#addresses.values()) places.isExempt = undefined;
  }

  /** Sockets between accept and the end of their handshake. */
  get pending(): number {
    return this.#pending;
  }

  /** Addresses with a pending handshake. */
  get addresses(): number {
    return this.#addresses.size;
  }

  /**
   * Takes a place for an accepted socket. When all places are taken, the address with most places loses its newest one, if
   * it has at least two more than this address; the newest handshake has made least progress. Sockets without an address,
   * exempt addresses and trusted proxies have no limit per address and lose no places.
   * @param address Normalised; `''` for a socket without an address, such as a Unix socket.
   * @returns The place, for {@link leave} at the end of the handshake; or the reason of the refusal.
   */
  enter(address: string, holder: PlaceHolder): HandshakePlace | AdmissionRefusal {
    const key = this.#keyOf(address);
    const own = this.#addresses.get(key ?? '');
    try {
      if (own !== undefined && this.#isOverLimit(own, true)) return IP_LIMIT;
      if (this.#pending >= this.#limits.maxPendingHandshakes) {
        if (!this.#makeRoom(own?.places ?? 0)) return FULL;
      }
    } catch (error) {
      return { refused: 'ERR_UPGRADE_HOOK', error };
    }
    this.#pending++;
    const place = newPlace(holder, true);
    if (key !== undefined) this.#link(place, key, address);
    return place;
  }

  /**
   * Counts the place for another address: the client that a trusted proxy reports.
   * @returns The reason of a refusal if that address is over its limit; then nothing has changed.
   */
  move(place: HandshakePlace, address: string): AdmissionRefusal | undefined {
    const key = this.#keyOf(address);
    if (key === place.of?.key) return undefined;
    const other = this.#addresses.get(key ?? '');
    try {
      if (other !== undefined && this.#isOverLimit(other, false)) return IP_LIMIT;
    } catch (error) {
      return { refused: 'ERR_UPGRADE_HOOK', error };
    }
    this.#unlink(place);
    if (key !== undefined) this.#link(place, key, address);
    return undefined;
  }

  /** Releases a place after the handshake, whatever its outcome. A second call does nothing. */
  leave(place: HandshakePlace): void {
    if (!place.isHeld) return;
    place.isHeld = false;
    this.#pending--;
    this.#unlink(place);
  }

  #keyOf(address: string): string | undefined {
    return address === '' ? undefined : addressKey(address, this.#limits.ipv6PrefixBits);
  }

  #isOverLimit(of: AddressPlaces, orTrusted: boolean): boolean {
    const { maxPendingHandshakesPerIp } = this.#limits;
    if (maxPendingHandshakesPerIp === false || of.places < maxPendingHandshakesPerIp) return false;
    return !(orTrusted && this.#isTrusted(of.address)) && !this.#exempts(of);
  }

  #exempts(of: AddressPlaces): boolean {
    of.isExempt ??= this.#isExempt(of.address);
    return of.isExempt;
  }

  /** @param own Places of the address that needs one. */
  #makeRoom(own: number): boolean {
    let most: AddressPlaces | undefined;
    let looks = 0;
    for (const of of this.#addresses.values()) {
      if (of.places >= (most?.places ?? own + 1) + 1 && !this.#isTrusted(of.address) && !this.#exempts(of))
        most = of;
      if (++looks === MAX_LOOKS) break;
    }
    if (most === undefined) return false;
    most.newest!.holder.placeLost();
    return this.#pending < this.#limits.maxPendingHandshakes;
  }

  #link(place: HandshakePlace, key: string, address: string): void {
    let of = this.#addresses.get(key);
    if (of === undefined) {
      of = { key, address, places: 0, newest: undefined, isExempt: undefined };
      this.#addresses.set(key, of);
    }
    of.places++;
    place.of = of;
    place.older = of.newest;
    if (of.newest !== undefined) of.newest.newer = place;
    of.newest = place;
  }

  #unlink(place: HandshakePlace): void {
    const { of, older, newer } = place;
    if (of === undefined) return;
    if (newer === undefined) of.newest = older;
    else newer.older = older;
    if (older !== undefined) older.newer = newer;
    place.of = undefined;
    place.older = undefined;
    place.newer = undefined;
    if (--of.places === 0) this.#addresses.delete(of.key);
  }
}
