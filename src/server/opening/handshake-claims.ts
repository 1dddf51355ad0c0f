import type { Priority } from '../../options/priority.ts';
import { HandshakeError } from '../../protocol/errors.ts';
import type { Admission, AdmissionRefusal, Reservation } from '../admission/admission.ts';
import type { HandshakePlace, HandshakePlaces, PlaceHolder } from '../admission/handshake-places.ts';

/** The limits of a server that handshakes count in. */
export interface ClaimedLimits {
  readonly admission: Admission;
  readonly places: HandshakePlaces;
}

/**
 * What one handshake takes of the limits: a place among pending handshakes, and a reservation for its connection. Each is
 * given back once, or passed on.
 */
export class HandshakeClaims {
  readonly #limits: ClaimedLimits;
  /** The place, or the reason why there is none; `undefined` once given back or passed on. */
  #place: HandshakePlace | AdmissionRefusal | undefined;
  #reservation: Reservation | undefined;

  /**
   * @param holder Loses the place if another address needs it.
   * @param place The place that the socket already has.
   */
  constructor(
    limits: ClaimedLimits,
    remoteAddress: string,
    holder: PlaceHolder,
    place: HandshakePlace | undefined,
  ) {
    this.#limits = limits;
    if (place !== undefined) place.holder = holder;
    this.#place = place ?? limits.places.enter(remoteAddress, holder);
  }

  /** Why there is no place. */
  get refusal(): AdmissionRefusal | undefined {
    return this.#place?.refused === undefined ? undefined : this.#place;
  }

  /**
   * Counts the place for the client behind a proxy.
   * @throws HandshakeError If that address has too many places. Or what a function given as `exemptAddresses` throws.
   */
  moveTo(remoteAddress: string): void {
    const refusal = this.#limits.places.move(this.#place as HandshakePlace, remoteAddress);
    if (refusal?.error !== undefined) throw refusal.error;
    if (refusal !== undefined) throw new HandshakeError(refusal.refused, refusal.detail);
  }

  /**
   * Reserves a connection.
   * @param mayBeCritical The hook decides about the priority: {@link decide} follows.
   * @returns The reason of a refusal.
   */
  reserve(remoteAddress: string, mayBeCritical: boolean): AdmissionRefusal | undefined {
    const reservation = this.#limits.admission.reserve(remoteAddress, mayBeCritical);
    if (reservation.refused !== undefined) return reservation;
    this.#reservation = reservation;
    return undefined;
  }

  /** Keeps the reservation for a connection of this priority. @returns The reason of a refusal. */
  decide(priority: Priority): AdmissionRefusal | undefined {
    return this.#limits.admission.decide(this.#reservation!, priority);
  }

  /** Passes the place on to the object that takes over the socket. */
  passPlace(): HandshakePlace {
    const place = this.#place as HandshakePlace;
    this.#place = undefined;
    return place;
  }

  /** Passes the reservation on to the connection. */
  passReservation(): Reservation {
    const reservation = this.#reservation!;
    this.#reservation = undefined;
    return reservation;
  }

  /** Gives back the reservation, if there is one. */
  cancelReservation(): void {
    if (this.#reservation !== undefined) this.#limits.admission.release(this.#reservation);
    this.#reservation = undefined;
  }

  /** Gives back the place, if there is one. */
  leave(): void {
    const place = this.#place;
    if (place !== undefined && place.refused === undefined) this.#limits.places.leave(place);
    this.#place = undefined;
  }
}
