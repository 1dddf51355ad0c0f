import type { Buffer } from 'node:buffer';
import { ProxyHeaderReader, type ProxySource } from '../../protocol/handshake/proxy-header.ts';
import type { DeadlineOwner } from '../../engine/deadlines.ts';
import { normalizeAddress } from '../../sockets/ip-address.ts';
import type { TransportOwner } from '../../sockets/transport.ts';
import type { AdmissionRefusal } from '../admission/admission.ts';
import type { HandshakeOwner, PendingSocket } from './handshake-owner.ts';
import type { Refusal } from '../../observe/observer.ts';
import { type HandshakePlace, PLACE_LOST, type PlaceHolder } from '../admission/handshake-places.ts';

/** The source of a PROXY header: a transport, or the socket below TLS. */
export interface ProxyEntrance {
  readonly remoteAddress: string;
  destroy(): void;
}

/** A socket whose PROXY header has been read. */
export interface Announced<Entrance> {
  readonly entrance: Entrance;
  /** The client that the header names; `undefined` if the address of the socket is the client's. */
  readonly source: ProxySource | undefined;
  /** Bytes that follow the header. Valid during the call. */
  readonly rest: Buffer;
  readonly place: HandshakePlace;
  readonly acceptedAtMs: number;
}

/** The server, as reading a PROXY header sees it. */
type ProxyArrivalOwner = Pick<
  HandshakeOwner<unknown>,
  'deadlines' | 'pendingSockets' | 'places' | 'policies' | 'refused' | 'shuttingDown' | 'socketReleased'
> & { readonly options: { readonly handshakeTimeoutMs: number } };

/**
 * A socket between accept and the end of its PROXY header. A proxy listed in `proxyProtocol` must send one. Any other
 * sender must not; its socket is passed on after the first bytes. A refused socket is closed without an answer.
 */
export class ProxyArrival<Entrance extends ProxyEntrance>
  implements TransportOwner, DeadlineOwner, PendingSocket, PlaceHolder
{
  deadlineSlot = -1;
  readonly #owner: ProxyArrivalOwner;
  readonly #entrance: Entrance;
  readonly #pass: (announced: Announced<Entrance>) => void;
  readonly #reader: ProxyHeaderReader;
  readonly #isTrusted: boolean;
  readonly #acceptedAtMs: number;
  #place: HandshakePlace | AdmissionRefusal;
  #isOver = false;
  /** The client's address once the header names it; before that, the sender's. */
  #address: string;

  /**
   * @param open Makes a transport of the socket.
   * @param pass Called with the socket after the header, or when it is certain that there is none.
   */
  constructor(
    owner: ProxyArrivalOwner,
    open: (owner: TransportOwner) => Entrance,
    pass: (announced: Announced<Entrance>) => void,
  ) {
    this.#owner = owner;
    this.#pass = pass;
    this.#entrance = open(this);
    this.#address = this.#entrance.remoteAddress;
    this.#isTrusted = owner.policies.sendsProxyHeader(this.#address);
    this.#reader = new ProxyHeaderReader(this.#isTrusted);
    this.#acceptedAtMs = owner.deadlines.now();
    owner.pendingSockets.add(this);
    this.#place = owner.places.enter(this.#address, this);
  }

  /** Reads the header, or refuses if there is no place. */
  start(): void {
    const { deadlines, options, shuttingDown } = this.#owner;
    if (shuttingDown) this.#refuse('ERR_SHUTTING_DOWN');
    else if (this.#place.refused !== undefined) this.#refuseFor(this.#place);
    else deadlines.plan(this, this.#acceptedAtMs + options.handshakeTimeoutMs);
  }

  shutDown(): void {
    this.#refuse('ERR_SHUTTING_DOWN');
  }

  destroy(): void {
    this.#entrance.destroy();
  }

  placeLost(): void {
    this.#refuse('ERR_SERVER_FULL', PLACE_LOST);
  }

  received(chunk: Buffer): void {
    if (this.#isOver) return;
    const reader = this.#reader;
    const knew = reader.hasHeader;
    const preamble = reader.receive(chunk);
    if (preamble?.fault !== undefined) {
      this.#refuse('ERR_PROXY_HEADER', preamble.fault);
      return;
    }
    if (!knew && reader.source !== undefined && !this.#meet(reader.source)) return;
    if (preamble === undefined) return;
    const place = this.#place as HandshakePlace;
    this.#isOver = true;
    this.#owner.deadlines.cancel(this);
    this.#pass({
      entrance: this.#entrance,
      source: reader.source === undefined ? undefined : { ...reader.source, address: this.#address },
      rest: preamble.rest,
      place,
      acceptedAtMs: this.#acceptedAtMs,
    });
    this.#owner.socketReleased(this);
  }

  receivedEnd(): void {
    this.#ended();
    this.#entrance.destroy();
  }

  writable(): void {}

  closed(): void {
    this.#ended();
    this.#owner.socketReleased(this);
  }

  deadlineReached(): void {
    if (!this.#isTrusted || this.#reader.hasHeader) this.#refuse('ERR_HEAD_TIMEOUT');
    else
      this.#refuse(
        'ERR_PROXY_HEADER',
        this.#reader.heldBytes > 0
          ? 'its PROXY protocol header did not arrive completely in time'
          : 'its PROXY protocol header is missing: no byte arrived in time',
      );
  }

  failed(): void {
    this.destroy();
  }

  /** Counts the place for the client that the proxy names. @returns `false` if that address has too many pending handshakes. */
  #meet(source: ProxySource): boolean {
    this.#address = normalizeAddress(source.address);
    const refusal = this.#owner.places.move(this.#place as HandshakePlace, this.#address);
    if (refusal !== undefined) this.#refuseFor(refusal);
    return refusal === undefined;
  }

  /** Health checks of balancers connect and close, some after a header: only an incomplete header is refused. */
  #ended(): void {
    if (!this.#isOver && !this.#reader.hasHeader && this.#isTrusted && this.#reader.heldBytes > 0)
      this.#refuse('ERR_PROXY_HEADER', 'its PROXY protocol header is cut off');
    else this.#leave();
  }

  #refuseFor({ refused, detail, error }: AdmissionRefusal): void {
    this.#refuse(refused, detail, error);
  }

  #refuse(code: Refusal['code'], detail?: string, error?: unknown): void {
    if (this.#isOver) return;
    this.#leave();
    this.#owner.refused({ status: 0, code, remoteAddress: this.#address, url: '', detail, error });
    this.#entrance.destroy();
  }

  #leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#owner.deadlines.cancel(this);
    if (this.#place.refused === undefined) this.#owner.places.leave(this.#place);
  }
}
