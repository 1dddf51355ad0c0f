import type { LookupAddress } from 'node:dns';
import type { Duplex } from 'node:stream';
import { ConnectError, type ConnectPhase } from '../protocol/connect-error.ts';
import { MisuseError } from '../protocol/errors.ts';
import { Dial, type DialOwner, type DialTarget } from '../sockets/dial.ts';
import type { Engine } from '../engine/engine.ts';
import { asError } from '../engine/guarded.ts';
import { SocketChecks } from '../sockets/handle-check.ts';
import { HandleDial, type HandleDialOwner } from '../sockets/handle-dial.ts';
import { NodeSockets } from '../sockets/node-handle.ts';
import { resolveHost } from '../sockets/resolve-host.ts';
import { tuneSocket } from '../sockets/stream-transport.ts';
import type { ClientTlsOptions, ConnectTarget, ResolvedConnectOptions } from '../options/connect-options.ts';
import type { Destination } from '../protocol/handshake/destination.ts';
import { withCause, wordsOf } from './error-words.ts';
import { whenConnected } from './given-stream.ts';
import { ProxyTunnel, type TunnelOwner } from './proxy-tunnel.ts';
import { ConnectTurns, Turn } from './turns.ts';
import { isDuplex } from '../options/resolve-connect-options.ts';
import { isThenable } from '../options/call-check.ts';

/** Callbacks of a {@link Route}. */
export interface RouteOwner {
  /**
   * The stream, or the handle of a dial, leads to the server, over TLS if the URL requires it. The owner owns it. Not called
   * inside {@link Route.begin} for a dial.
   */
  reached(way: Duplex | HandleDial): void;
  /** The proxy refuses, and the rest of the body is awaited. The owner may call `refusal` at any time. */
  refusing(refusal: () => ConnectError): void;
  /** The route failed, and everything it opened is closed. */
  unreachable(reason: unknown): void;
}

/** The options of `connect` that a route uses. */
export type RouteOptions = Pick<
  ResolvedConnectOptions,
  | 'lookup'
  | 'serializeConnects'
  | 'proxy'
  | 'proxyTls'
  | 'socket'
  | 'createConnection'
  | 'transport'
  | 'maxHeadBytes'
  | 'maxHeaderFields'
  | 'clock'
>;

const NO_TLS_OPTIONS: ClientTlsOptions = Object.freeze({});

/** The steps to one destination: name, turn, TCP, proxy, TLS, or the application's stream. Ends with a stream or an error. */
export class Route implements DialOwner, HandleDialOwner, TunnelOwner {
  readonly #destination: Destination;
  readonly #tls: ClientTlsOptions;
  readonly #options: RouteOptions;
  readonly #engine: Engine;
  readonly #owner: RouteOwner;
  #phase: ConnectPhase = 'dns';
  #turn: Turn | undefined;
  #dial: Dial | HandleDial | undefined;
  /** Waits for its turn. */
  #prepared: HandleDial | undefined;
  #tunnel: ProxyTunnel | undefined;
  /** Aborted when the stream of `createConnection` is no longer needed. */
  #creating: AbortController | undefined;
  /** The application's stream, while it is connecting. */
  #pending: Duplex | undefined;
  #over = false;

  /** @param tls Options of TLS to the destination. */
  constructor(
    destination: Destination,
    tls: ClientTlsOptions | undefined,
    options: RouteOptions,
    engine: Engine,
    owner: RouteOwner,
  ) {
    this.#destination = destination;
    this.#tls = tls ?? NO_TLS_OPTIONS;
    this.#options = options;
    this.#engine = engine;
    this.#owner = owner;
  }

  /** The current phase of connecting. */
  get phase(): ConnectPhase {
    return this.#phase === 'proxy' ? 'proxy' : (this.#dial?.phase ?? this.#phase);
  }

  begin(): void {
    const { socket, createConnection, proxy, lookup } = this.#options;
    const { address } = this.#destination;
    if (socket !== undefined) this.#given(socket);
    else if (createConnection !== undefined) {
      this.#takeTurn(nameOf(address), () => this.#create(createConnection));
    } else if ('path' in address) this.#takeTurn(address.path, () => this.#connect(address));
    // The proxy resolves the name, so the turn goes by name instead of address (§4.1).
    else if (proxy !== undefined) this.#takeTurn(nameOf(address), () => this.#reachProxy());
    else {
      resolveHost(address.host, lookup, (error, addresses) => this.#resolved(error, address, addresses));
    }
  }

  /**
   * Ends this route's turn, so that the next connection to the destination may begin. Later calls do nothing.
   * @returns Whether the next one has begun.
   */
  leaveTurn(): boolean {
    return this.#turn?.leave() === true;
  }

  /** Abandons the route: no callback is called afterwards. */
  cancel(): void {
    this.#over = true;
    this.#prepared?.cancel();
    this.#dial?.cancel();
    this.#tunnel?.cancel();
    this.#creating?.abort();
    this.#pending?.destroy();
    // Last: the next client connects inside this call.
    this.leaveTurn();
  }

  dialled(stream: Duplex): void {
    this.#dial = undefined;
    if (this.#phase === 'proxy') this.#askProxy(stream);
    else this.#reached(stream);
  }

  handleDialled(dial: HandleDial): void {
    this.#dial = undefined;
    this.#reached(dial);
  }

  dialFailed(error: Error): void {
    const { phase } = this;
    this.#dial = undefined;
    if (phase === 'proxy') this.#proxyFailed(error);
    else this.#fail(new ConnectError('ERR_CONNECT', wordsOf(error), { phase, cause: error }));
  }

  tunnelled(stream: Duplex): void {
    this.#tunnel = undefined;
    this.#secured(stream);
  }

  tunnelRefusing(refusal: () => ConnectError): void {
    this.#owner.refusing(refusal);
  }

  tunnelFailed(error: unknown): void {
    this.#tunnel = undefined;
    this.#fail(error);
  }

  #resolved(
    error: Error | undefined,
    address: { readonly host: string; readonly port: number },
    addresses: readonly LookupAddress[],
  ): void {
    if (this.#over) return;
    const [first] = addresses;
    if (error !== undefined || first === undefined) {
      this.#fail(new ConnectError('ERR_CONNECT', error?.message, { phase: 'dns', cause: error }));
      return;
    }
    // Names with the same address take turns (§4.1). Node tries the first of several addresses first.
    const key = `${first.address} ${address.port}`;
    if (addresses.length === 1 && this.#mayDialHandles()) {
      const sockets = this.#engine.part(NodeSockets);
      this.#prepared = new HandleDial(first, address.port, sockets, this);
      this.#takeTurn(key, () => this.#startDial());
    } else this.#takeTurn(key, () => this.#connect({ ...address, addresses }));
  }

  /** Whether a handle can connect without a socket: TLS needs the socket, and several addresses the attempts of Node. */
  #mayDialHandles(): boolean {
    return (
      !this.#destination.secure &&
      this.#options.transport === 'auto' &&
      this.#engine.part(SocketChecks).areDialsUsable
    );
  }

  #startDial(): void {
    this.#phase = 'tcp';
    const dial = this.#prepared!;
    this.#prepared = undefined;
    this.#dial = dial;
    try {
      dial.start();
    } catch (error) {
      dial.cancel();
      this.dialFailed(asError(error));
    }
  }

  #takeTurn(key: string, begin: () => void): void {
    if (!this.#options.serializeConnects) {
      begin();
      return;
    }
    this.#phase = 'turn';
    this.#turn = new Turn(this.#engine.part(ConnectTurns), key, begin);
    this.#turn.take();
  }

  #connect(target: DialTarget): void {
    this.#phase = 'tcp';
    this.#dialTo(() => new Dial(target, this.#destination.secure ? this.#tls : undefined, this));
  }

  /** @param dial Throws for options that Node rejects. */
  #dialTo(dial: () => Dial): void {
    try {
      this.#dial = dial();
    } catch (error) {
      this.dialFailed(asError(error));
    }
  }

  #reachProxy(): void {
    this.#phase = 'proxy';
    const { secure, host, port } = this.#options.proxy!;
    resolveHost(host, this.#options.lookup, (error, addresses) => {
      if (this.#over) return;
      if (error !== undefined) this.#proxyFailed(error);
      else {
        const tls = secure ? (this.#options.proxyTls ?? {}) : undefined;
        this.#dialTo(() => new Dial({ host, port, addresses }, tls, this));
      }
    });
  }

  #proxyFailed(error: Error): void {
    const { host, port } = this.#options.proxy!;
    const detail = `${host} port ${port} cannot be reached: ${wordsOf(error)}`;
    this.#fail(new ConnectError('ERR_PROXY', detail, { phase: 'proxy', cause: error }));
  }

  #askProxy(stream: Duplex): void {
    const { address } = this.#destination;
    if ('path' in address) return;
    this.#tunnel = new ProxyTunnel(stream, address, this.#options.proxy!, this.#options, this);
  }

  #create(createConnection: NonNullable<RouteOptions['createConnection']>): void {
    this.#phase = 'tcp';
    this.#creating = new AbortController();
    try {
      const { signal } = this.#creating;
      const given: unknown = createConnection(this.#destination.address satisfies ConnectTarget, { signal });
      if (isThenable(given)) {
        void given.then(
          (stream) => this.#given(stream),
          (error: unknown) => this.#notCreated(error),
        );
      } else this.#given(given);
    } catch (error) {
      this.#notCreated(error);
    }
  }

  #notCreated(error: unknown): void {
    if (this.#over) return;
    const detail = `createConnection failed: ${wordsOf(asError(error))}`;
    this.#fail(new ConnectError('ERR_CONNECT', detail, { phase: 'tcp', ...withCause(error) }));
  }

  /** Uses the application's stream, or destroys it if it is no longer needed. */
  #given(given: unknown): void {
    const name = this.#options.socket === undefined ? 'createConnection' : 'socket';
    if (!isDuplex(given)) {
      const says = `${name} gave ${typeof given}; it must give a connected Duplex, as net.connect() does`;
      this.#fail(new MisuseError('ERR_OPTION', says));
      return;
    }
    if (this.#over) {
      given.destroy();
      return;
    }
    this.#phase = 'tcp';
    this.#pending = given;
    whenConnected(given, (error) => {
      this.#pending = undefined;
      if (this.#over) given.destroy();
      else if (error === undefined) {
        tuneSocket(given);
        this.#secured(given);
      } else {
        const detail = `the stream of ${name} cannot be used: ${wordsOf(error)}`;
        this.#fail(new ConnectError('ERR_CONNECT', detail, { phase: 'tcp', cause: error }));
      }
    });
  }

  /** The stream leads to the server. Starts TLS if the URL requires it. */
  #secured(stream: Duplex): void {
    const { secure, address } = this.#destination;
    if (!secure || 'path' in address) {
      this.#reached(stream);
      return;
    }
    this.#phase = 'tls';
    this.#dialTo(() => new Dial({ stream, host: address.host }, this.#tls, this));
    if (this.#over) stream.destroy();
  }

  #reached(way: Duplex | HandleDial): void {
    this.#phase = 'response';
    this.#over = true;
    this.#owner.reached(way);
  }

  #fail(reason: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.leaveTurn();
    this.#owner.unreachable(reason);
  }
}

const nameOf = (address: Destination['address']): string =>
  'path' in address ? address.path : `${address.host} ${address.port}`;
