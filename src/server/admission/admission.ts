import { TokenBucket } from '../../connection/token-bucket.ts';
import type { HandshakeErrorCode } from '../../protocol/errors.ts';
import type { Clock } from '../../engine/clock.ts';
import { addressKey } from '../../sockets/ip-address.ts';
import { addressMatcher, type AddressList } from '../../options/addresses.ts';
import { RateTable } from './rate-table.ts';

const MINUTE_MS = 60_000;
/** A server that was full has room again below this part of its places. */
const ROOM_RATIO = 0.95;

/** How many may come in, at once and per minute; part of the server's options, where each is explained. */
export interface AdmissionLimits {
  readonly maxConnections: number;
  readonly maxConnectionsPerIp: number | false;
  readonly maxNewConnectionsPerMinute: number | false;
  readonly maxNewConnectionsPerMinutePerIp: number | false;
  readonly exemptAddresses: AddressList;
  readonly ipv6PrefixBits: number;
  readonly clock: Clock;
}

interface AddressCount {
  readonly key: string;
  connections: number;
}

/** A place in the server, from {@link Admission.reserve} until {@link Admission.release}. Opaque to its holder. */
export interface Reservation {
  readonly refused?: undefined;
  /** The count of its address, where addresses are counted. */
  readonly address: AddressCount | undefined;
  held: boolean;
}

/** No place, and why. */
export interface AdmissionRefusal {
  readonly refused: HandshakeErrorCode;
  /** For the log. */
  readonly detail?: string;
  /** What a function given as `exemptAddresses` threw. */
  readonly error?: unknown;
}

const FULL: AdmissionRefusal = Object.freeze({ refused: 'ERR_SERVER_FULL' });
const IP_LIMIT: AdmissionRefusal = Object.freeze({ refused: 'ERR_IP_LIMIT' });
const RATE_LIMIT: AdmissionRefusal = Object.freeze({ refused: 'ERR_RATE_LIMIT' });
/** Counts connections. Checking and reserving are one synchronous step, so no race overbooks it. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #isExempt: (address: string) => boolean;
  readonly #rate: TokenBucket | undefined;
  readonly #ratePerAddress: RateTable | undefined;
  /** Only addresses with a connection, so never more of them than `maxConnections`. */
  readonly #addresses = new Map<string, AddressCount>();
  #reserved = 0;
  #hasRoom = true;

  /** @throws MisuseError `ERR_OPTION` for an entry of `exemptAddresses` that is neither address nor range. */
  constructor(limits: AdmissionLimits) {
    const { maxNewConnectionsPerMinute: rate, maxNewConnectionsPerMinutePerIp: ratePerIp } = limits;
    this.#limits = limits;
    this.#isExempt = addressMatcher(limits.exemptAddresses);
    // a minute's worth may come at once: after a restart everybody does
    this.#rate = rate === false ? undefined : new TokenBucket(rate, rate, MINUTE_MS);
    this.#ratePerAddress = ratePerIp === false ? undefined : new RateTable(ratePerIp, ratePerIp, MINUTE_MS);
  }

  /** Places taken: handshakes from their reservation on, and connections. */
  get reserved(): number {
    return this.#reserved;
  }

  get isFull(): boolean {
    return this.#reserved >= this.#limits.maxConnections;
  }

  /** False from full until below 95 %. */
  get hasRoom(): boolean {
    return this.#hasRoom;
  }

  /** Addresses with a connection, where addresses are counted. */
  get addresses(): number {
    return this.#addresses.size;
  }

  /**
   * Takes a place, or says why there is none; a refusal changes no count and costs no token. Exempt addresses, and
   * sockets that have none, pass the two limits per address; the total and the rate of all hold for everybody.
   * @param address Normalised; empty for a socket without one, as a Unix socket.
   * @returns To be handed to {@link release} exactly where the connection, or the handshake, ends.
   * @throws What a function given as `exemptAddresses` throws; then nothing was taken.
   */
  reserve(address: string): Reservation | AdmissionRefusal {
    if (this.isFull) return FULL;
    const { maxConnectionsPerIp, ipv6PrefixBits, clock } = this.#limits;
    const isPerAddress = maxConnectionsPerIp !== false || this.#ratePerAddress !== undefined;
    const key =
      isPerAddress && address !== '' && !this.#isExempt(address)
        ? addressKey(address, ipv6PrefixBits)
        : undefined;
    let count: AddressCount | undefined;
    if (key !== undefined && maxConnectionsPerIp !== false) {
      count = this.#addresses.get(key);
      if (count !== undefined && count.connections >= maxConnectionsPerIp) return IP_LIMIT;
    }
    const nowMs = clock.now();
    if (this.#rate !== undefined && this.#rate.waitMs(1, nowMs) > 0) return RATE_LIMIT;
    if (key !== undefined && this.#ratePerAddress?.take(key, nowMs) === false) return RATE_LIMIT;
    this.#rate?.take(1, nowMs);
    if (key !== undefined && maxConnectionsPerIp !== false) {
      if (count === undefined) {
        count = { key, connections: 0 };
        this.#addresses.set(key, count);
      }
      count.connections++;
    }
    this.#reserved++;
    if (this.isFull) this.#hasRoom = false;
    return { address: count, held: true };
  }

  /** Gives a place back; usable at once. Constant time, and a second call does nothing. */
  release(reservation: Reservation): void {
    if (!reservation.held) return;
    reservation.held = false;
    this.#reserved--;
    if (this.#reserved < this.#limits.maxConnections * ROOM_RATIO) this.#hasRoom = true;
    const { address } = reservation;
    if (address !== undefined && --address.connections === 0) this.#addresses.delete(address.key);
  }
}
