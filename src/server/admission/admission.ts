import { TokenBucket } from '../../connection/token-bucket.ts';
import type { HandshakeErrorCode } from '../../protocol/errors.ts';
import type { Clock } from '../../engine/clock.ts';
import { addressKey } from '../../sockets/ip-address.ts';
import { addressMatcher, type AddressList } from '../../options/addresses.ts';
import type { Priority } from '../../options/priority.ts';
import { RateTable } from './rate-table.ts';
import { type ViolationLimits, ViolationTable } from './violation-table.ts';

const MINUTE_MS = 60_000;
/** A full server is ready again below this fraction of its places. */
const ROOM_RATIO = 0.95;

/** Limits of connections, at once and per minute: options of the server, documented there. */
export interface AdmissionLimits {
  readonly maxConnections: number;
  readonly maxConnectionsPerIp: number | false;
  readonly softLimitRatio: number | false;
  readonly softLimitReleaseRatio: number;
  readonly loadControl: false | { readonly criticalReserveRatio: number };
  readonly maxNewConnectionsPerMinute: number | false;
  readonly maxNewConnectionsPerMinutePerIp: number | false;
  readonly violationLimit: ViolationLimits | false;
  readonly exemptAddresses: AddressList;
  readonly ipv6PrefixBits: number;
  readonly clock: Clock;
}

interface AddressCount {
  readonly key: string;
  connections: number;
}

/** The options from which {@link Admission} makes something. */
interface Made {
  readonly exemptAddresses: AddressList;
  readonly rate: number | false;
  readonly ratePerIp: number | false;
  readonly violationLimit: ViolationLimits | false;
}

/**
 * How a reservation counts: as an ordinary connection, as one of priority `critical`, as none until its priority is known,
 * or no longer.
 */
type ReservationKind = 'ordinary' | 'critical' | 'undecided' | 'released';

/** A place in the server, from {@link Admission.reserve} until {@link Admission.release}. Opaque to its holder. */
export interface Reservation {
  readonly refused?: undefined;
  /** The count of its address, if addresses are counted. */
  address: AddressCount | undefined;
  kind: ReservationKind;
}

/** The reason why there is no place. */
export interface AdmissionRefusal {
  readonly refused: HandshakeErrorCode;
  /** For the log. */
  readonly detail?: string;
  /** When the same address may try again; left out for a time at random. */
  readonly retryAfterSeconds?: number;
  /** What a function given as `exemptAddresses` threw. */
  readonly error?: unknown;
}

const FULL: AdmissionRefusal = Object.freeze({ refused: 'ERR_SERVER_FULL' });
const IP_LIMIT: AdmissionRefusal = Object.freeze({ refused: 'ERR_IP_LIMIT' });
const RATE_LIMIT: AdmissionRefusal = Object.freeze({ refused: 'ERR_RATE_LIMIT' });

/** Counts connections. Checking and reserving are one synchronous step, so two handshakes never get the last place. */
export class Admission {
  readonly #limits: AdmissionLimits;
  #isExempt!: (address: string) => boolean;
  #rate: TokenBucket | undefined;
  #ratePerAddress: RateTable | undefined;
  #violations: ViolationTable | undefined;
  /** What the four above were made from. */
  #made: Made | undefined;
  /** Only addresses with a place: never more entries than `maxConnections`. */
  readonly #addresses = new Map<string, AddressCount>();
  #reserved = 0;
  /** Reserved places that do not belong to a connection of priority `critical`. */
  #ordinary = 0;
  /** How often an address was refused because of its protocol violations. Never falls. */
  #refusedAddresses = 0;
  #hasRoom = true;
  #isAboveSoftLimit = false;
  /** Called when {@link isAboveSoftLimit} has changed. It must not throw. */
  onSoftLimit: (isAbove: boolean) => void = () => {};

  /** @throws MisuseError `ERR_OPTION` for an entry of `exemptAddresses` that is neither address nor range. */
  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
    this.settingsChanged();
  }

  /** Call when the limits have changed in place. A rate that has changed begins anew, with a full burst. */
  settingsChanged(): void {
    const {
      exemptAddresses,
      maxNewConnectionsPerMinute: rate,
      maxNewConnectionsPerMinutePerIp: ratePerIp,
      violationLimit,
    } = this.#limits;
    const made = this.#made;
    this.#made = { exemptAddresses, rate, ratePerIp, violationLimit };
    if (exemptAddresses !== made?.exemptAddresses) this.#isExempt = addressMatcher(exemptAddresses);
    // The burst is a minute's worth: after a restart all clients reconnect at once.
    if (rate !== made?.rate) this.#rate = rate === false ? undefined : new TokenBucket(rate, rate, MINUTE_MS);
    if (ratePerIp !== made?.ratePerIp)
      this.#ratePerAddress = ratePerIp === false ? undefined : new RateTable(ratePerIp, ratePerIp, MINUTE_MS);
    if (violationLimit !== made?.violationLimit)
      this.#violations = violationLimit === false ? undefined : new ViolationTable(violationLimit);
    this.#placesChanged();
  }

  /**
   * Counts the address of a place that was taken while addresses were not counted. Does nothing for a place whose address
   * counts already.
   */
  count(reservation: Reservation, address: string): void {
    const { maxConnectionsPerIp, ipv6PrefixBits } = this.#limits;
    if (maxConnectionsPerIp === false || reservation.address !== undefined || address === '') return;
    try {
      if (this.#isExempt(address)) return;
    } catch {
      // The function `exemptAddresses` failed. Its next failure, in a handshake, is reported.
      return;
    }
    reservation.address = this.#counted(addressKey(address, ipv6PrefixBits));
  }

  #counted(key: string): AddressCount {
    let count = this.#addresses.get(key);
    if (count === undefined) {
      count = { key, connections: 0 };
      this.#addresses.set(key, count);
    }
    count.connections++;
    return count;
  }

  /** Taken places: connections, and handshakes after their reservation. */
  get reserved(): number {
    return this.#reserved;
  }

  get isFull(): boolean {
    return this.#reserved >= this.#limits.maxConnections;
  }

  /** Places for connections of other priorities than `critical`. */
  get #maxOrdinary(): number {
    const { maxConnections, loadControl } = this.#limits;
    return loadControl === false
      ? maxConnections
      : maxConnections - Math.round(maxConnections * loadControl.criticalReserveRatio);
  }

  /** `false` from the moment the server is full until it is below 95 %. */
  get hasRoom(): boolean {
    return this.#hasRoom;
  }

  /** `true` once a place was taken above the soft limit, until the places are below its release. */
  get isAboveSoftLimit(): boolean {
    return this.#isAboveSoftLimit;
  }

  /** Addresses with a place, if addresses are counted. */
  get addresses(): number {
    return this.#addresses.size;
  }

  /**
   * Takes a place. A refusal changes no count and takes no token. The limits per address do not apply to exempt
   * addresses and to sockets without an address; the limits of the whole server apply to all.
   * @param address Normalised; `''` for a socket without an address, such as a Unix socket.
   * @param mayBeCritical The priority is not known, and may be `critical`. If only places kept for such connections are left,
   *   the reservation counts for the address alone until {@link decide}: clients that are still asked who they are cannot
   *   use up the kept places.
   * @returns The place, for {@link release} at the end of the handshake or connection; or the reason of the refusal.
   * @throws An error of the function `exemptAddresses`; then no place is taken.
   */
  reserve(address: string, mayBeCritical = false): Reservation | AdmissionRefusal {
    if (this.isFull || (!mayBeCritical && this.#ordinary >= this.#maxOrdinary)) return FULL;
    const { maxConnectionsPerIp, clock } = this.#limits;
    const isPerAddress =
      maxConnectionsPerIp !== false || this.#ratePerAddress !== undefined || this.#violations !== undefined;
    const key = isPerAddress ? this.#keyOf(address) : undefined;
    const nowMs = clock.now();
    if (key !== undefined && this.#violations !== undefined) {
      const refusedForMs = this.#violations.refusedForMs(key, nowMs);
      if (refusedForMs > 0)
        return { refused: 'ERR_VIOLATION_LIMIT', retryAfterSeconds: Math.ceil(refusedForMs / 1_000) };
    }
    let count: AddressCount | undefined;
    if (key !== undefined && maxConnectionsPerIp !== false) {
      count = this.#addresses.get(key);
      if (count !== undefined && count.connections >= maxConnectionsPerIp) return IP_LIMIT;
    }
    if (this.#rate !== undefined && this.#rate.waitMs(1, nowMs) > 0) return RATE_LIMIT;
    if (key !== undefined && this.#ratePerAddress?.take(key, nowMs) === false) return RATE_LIMIT;
    this.#rate?.take(1, nowMs);
    if (key !== undefined && maxConnectionsPerIp !== false) count = this.#counted(key);
    const reservation: Reservation = { address: count, kind: 'undecided' };
    if (this.#ordinary < this.#maxOrdinary) this.#take(reservation, 'ordinary');
    return reservation;
  }

  /** Whether protocol violations are counted. */
  get countsViolations(): boolean {
    return this.#violations !== undefined;
  }

  /** Addresses that are refused because of their protocol violations: now, and so far. */
  get refusedAddresses(): { readonly now: number; readonly total: number } {
    const now = this.#violations?.refusedAddresses(this.#limits.clock.now()) ?? 0;
    return { now, total: this.#refusedAddresses };
  }

  /**
   * Counts a connection that broke the protocol.
   * @returns Whether its address is refused from now on.
   * @throws An error of the function `exemptAddresses`; then nothing is counted.
   */
  violated(address: string): boolean {
    const key = this.#keyOf(address);
    if (key === undefined || this.#violations?.add(key, this.#limits.clock.now()) !== true) return false;
    this.#refusedAddresses++;
    return true;
  }

  /** What limits per address count by; `undefined` for an address without such limits. */
  #keyOf(address: string): string | undefined {
    return address === '' || this.#isExempt(address)
      ? undefined
      : addressKey(address, this.#limits.ipv6PrefixBits);
  }

  /** Decides on a place for a known priority. @returns The reason why there is none: then only {@link release} is left. */
  decide(reservation: Reservation, priority: Priority): AdmissionRefusal | undefined {
    if (reservation.kind !== 'undecided') {
      this.prioritize(reservation, priority);
      return undefined;
    }
    const isCritical = priority === 'critical';
    if (this.isFull || (!isCritical && this.#ordinary >= this.#maxOrdinary)) return FULL;
    this.#take(reservation, isCritical ? 'critical' : 'ordinary');
    return undefined;
  }

  /** The priority of a connection has changed. It keeps its place, even if too many ordinary connections have one then. */
  prioritize(reservation: Reservation, priority: Priority): void {
    const kind = priority === 'critical' ? 'critical' : 'ordinary';
    if (reservation.kind === kind || reservation.kind === 'undecided' || reservation.kind === 'released')
      return;
    reservation.kind = kind;
    this.#ordinary += kind === 'ordinary' ? 1 : -1;
  }

  /** Releases a place at once, in constant time. A second call does nothing. */
  release(reservation: Reservation): void {
    const { kind } = reservation;
    if (kind === 'released') return;
    reservation.kind = 'released';
    if (kind !== 'undecided') {
      this.#reserved--;
      if (kind === 'ordinary') this.#ordinary--;
      this.#placesChanged();
    }
    const { address } = reservation;
    if (address !== undefined && --address.connections === 0) this.#addresses.delete(address.key);
  }

  #take(reservation: Reservation, kind: 'ordinary' | 'critical'): void {
    reservation.kind = kind;
    this.#reserved++;
    if (kind === 'ordinary') this.#ordinary++;
    this.#placesChanged();
  }

  /** Places were taken or released, or the limits have changed. */
  #placesChanged(): void {
    const { maxConnections, softLimitRatio, softLimitReleaseRatio } = this.#limits;
    if (this.isFull) this.#hasRoom = false;
    else if (this.#reserved < maxConnections * ROOM_RATIO) this.#hasRoom = true;
    // Rounded up, so that a server for one connection is not above its limit with that connection.
    if (softLimitRatio !== false && this.#reserved > Math.ceil(maxConnections * softLimitRatio))
      this.#moveSoftLimit(true);
    else if (softLimitRatio === false || this.#reserved < maxConnections * softLimitReleaseRatio)
      this.#moveSoftLimit(false);
  }

  #moveSoftLimit(isAbove: boolean): void {
    if (this.#isAboveSoftLimit === isAbove) return;
    this.#isAboveSoftLimit = isAbove;
    this.onSoftLimit(isAbove);
  }
}
