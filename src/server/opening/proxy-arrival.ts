import type { Buffer } from 'node:buffer';
import { ProxyHeaderReader, type ProxySource } from '../../protocol/handshake/proxy-header.ts';
import type { DeadlineOwner } from '../../engine/deadlines.ts';
import { normalizeAddress } from '../../sockets/ip-address.ts';
import type { TransportOwner } from '../../sockets/transport.ts';
import type { AdmissionRefusal } from '../admission/admission.ts';
import type { HandshakeHost, PendingSocket } from './handshake-host.ts';
import type { Refusal } from '../../observe/observer.ts';
import { type HandshakePlace, PLACE_LOST, type PlaceHolder } from '../admission/handshake-places.ts';

/** What a PROXY header is read from: a transport, or the socket below TLS. */
export interface ProxyEntrance {
  readonly remoteAddress: string;
  destroy(): void;
}

/** A socket whose PROXY header has been read. */
export interface Announced<Entrance> {
  readonly entrance: Entrance;
  /** `undefined` where the address of the socket counts. */
  readonly source: ProxySource | undefined;
  /** What follows the header. Valid during the call. */
  readonly rest: Buffer;
  readonly place: HandshakePlace;
  readonly acceptedAtMs: number;
}

/** What reading PROXY headers needs of the server. */
type ProxyHost = Pick<
  HandshakeHost<unknown>,
  'deadlines' | 'pendingSockets' | 'places' | 'refused' | 'sendsProxyHeader' | 'shuttingDown' | 'socketGone'
> & { readonly options: { readonly handshakeTimeoutMs: number } };

/**
 * A socket between accept and the end of its PROXY header. A sender in `proxyProtocol` has to send one; any other must not,
 * and is passed on after its first bytes. Nothing can be answered: what is refused is closed.
 */
export class ProxyArrival<Entrance extends ProxyEntrance>
  implements TransportOwner, DeadlineOwner, PendingSocket, PlaceHolder
{
  deadlineSlot = -1;
  readonly #host: ProxyHost;
  readonly #entrance: Entrance;
  readonly #pass: (announced: Announced<Entrance>) => void;
  readonly #reader: ProxyHeaderReader;
  readonly #isTrusted: boolean;
  readonly #acceptedAtMs: number;
  #place: HandshakePlace | AdmissionRefusal;
  #isOver = false;
  /** Of the client, as soon as it is known. */
  #address: string;

  /**
   * @param open Takes the socket over.
   * @param pass Gets the socket once the header has been read, or it is certain that there is none.
   */
  constructor(
    host: ProxyHost,
    open: (owner: TransportOwner) => Entrance,
    pass: (announced: Announced<Entrance>) => void,
  ) {
    this.#host = host;
    this.#pass = pass;
    this.#entrance = open(this);
    this.#address = this.#entrance.remoteAddress;
    this.#isTrusted = host.sendsProxyHeader(this.#address);
    this.#reader = new ProxyHeaderReader(this.#isTrusted);
    this.#acceptedAtMs = host.deadlines.now();
    host.pendingSockets.add(this);
    this.#place = host.places.enter(this.#address, this);
  }

  /** Reads the header, unless there is no place. */
  start(): void {
    const { deadlines, options, shuttingDown } = this.#host;
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
    this.#host.deadlines.cancel(this);
    this.#pass({
      entrance: this.#entrance,
      source: reader.source === undefined ? undefined : { ...reader.source, address: this.#address },
      rest: preamble.rest,
      place,
      acceptedAtMs: this.#acceptedAtMs,
    });
    this.#host.socketGone(this);
  }

  receivedEnd(): void {
    this.#ended();
    this.#entrance.destroy();
  }

  writable(): void {}

  closed(): void {
    this.#ended();
    this.#host.socketGone(this);
  }

  deadlineReached(): void {
    if (!this.#isTrusted || this.#reader.hasHeader) this.#refuse('ERR_HEAD_TIMEOUT');
    else
      this.#refuse(
        'ERR_PROXY_HEADER',
        this.#reader.heldBytes > 0
          ? 'its PROXY protocol header did not arrive whole in time'
          : 'its PROXY protocol header is missing: not a byte came in time',
      );
  }

  failed(): void {
    this.destroy();
  }

  /** @returns False if the address that the proxy speaks for has too many handshakes under way. */
  #meet(source: ProxySource): boolean {
    this.#address = normalizeAddress(source.address);
    const refusal = this.#host.places.move(this.#place as HandshakePlace, this.#address);
    if (refusal !== undefined) this.#refuseFor(refusal);
    return refusal === undefined;
  }

  /** Balancers check a port by connecting and leaving at once, or after a header: that is no fault. */
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
    this.#host.refused({ status: 0, code, remoteAddress: this.#address, url: '', detail, error });
    this.#entrance.destroy();
  }

  #leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#host.deadlines.cancel(this);
    if (this.#place.refused === undefined) this.#host.places.leave(this.#place);
  }
}
