import type { LookupAddress } from 'node:dns';
import { HandleTransport, peerOf, tune } from './handle-transport.ts';
import { type ConnectRequest, type DialHandle, type NodeSockets, systemError } from './node-handle.ts';
import type { ArrivedTransport, Peer, TransportOwner } from './transport.ts';

/** The type of a handle that connects. A handle that listens has another. */
const CONNECTS = 0;
/** The address of any interface. A connection to it has the address of one interface. */
const ANY_ADDRESS = '0.0.0.0';

/** Callbacks of a {@link HandleDial}. Neither its constructor nor {@link HandleDial.start} calls them. */
export interface HandleDialOwner {
  /** TCP is connected. The owner opens the transport, or cancels the dial. */
  handleDialled(dial: HandleDial): void;
  /** The attempt failed; the handle is closed. */
  dialFailed(error: Error): void;
}

/**
 * One attempt to connect TCP to one address, through a handle without a socket. Everything that needs no network is done by the
 * constructor, so that a dial can wait for its turn and then costs one call.
 */
export class HandleDial {
  readonly phase = 'tcp';
  readonly #address: string;
  readonly #port: number;
  readonly #sockets: NodeSockets;
  readonly #owner: HandleDialOwner;
  readonly #handle: DialHandle;
  readonly #request: ConnectRequest;
  #settled = false;

  /** @param sockets Have findings of dialling. */
  constructor({ address }: LookupAddress, port: number, sockets: NodeSockets, owner: HandleDialOwner) {
    const { Handle, ConnectRequest } = sockets.findings!.dialling!;
    this.#address = address;
    this.#port = port;
    this.#sockets = sockets;
    this.#owner = owner;
    this.#handle = new Handle(CONNECTS);
    this.#request = new ConnectRequest();
    this.#request.dial = this;
    this.#request.oncomplete = onConnected;
  }

  /** Begins to connect. Call it once. */
  start(): void {
    const handle = this.#handle;
    const status = this.#address.includes(':')
      ? handle.connect6(this.#request, this.#address, this.#port)
      : handle.connect(this.#request, this.#address, this.#port);
    // Later: a queue of attempts that all fail at once would fill the stack.
    if (status !== 0) queueMicrotask(() => this.connected(status));
  }

  /** Takes the connection over and starts reading. Call {@link tune} after the first write. */
  open(owner: TransportOwner): ArrivedTransport {
    return new HandleTransport(this.#handle, owner, this.#sockets, true, this.#peer());
  }

  /** Sets the options of the socket. None of them affects a first write, so a handshake need not wait for them. */
  tune(): void {
    tune(this.#handle);
  }

  /** Lets the process end while the handle is open. */
  unref(): void {
    this.#handle.unref();
  }

  /** Abandons the attempt, started or not: no callback is called afterwards. */
  cancel(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#handle.close();
  }

  /** @internal */
  connected(status: number): void {
    if (this.#settled) return;
    this.#settled = true;
    if (status === 0) {
      this.#owner.handleDialled(this);
      return;
    }
    this.#handle.close();
    const address = this.#address;
    const port = this.#port;
    const error = systemError('connect', status, `${address}:${port}`);
    this.#owner.dialFailed(Object.assign(error, { address, port }));
  }

  /** Of IPv4, the peer has the address that was dialled. IPv6 has several forms of one address. */
  #peer(): Peer {
    const address = this.#address;
    return address.includes(':') || address === ANY_ADDRESS
      ? peerOf(this.#handle, this.#sockets)
      : { address, port: this.#port };
  }
}

function onConnected(this: ConnectRequest, status: number): void {
  this.dial!.connected(status);
}
