import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { Connection, driverOf } from '../connection/connection.ts';
import { OpenConnections } from '../connection/open-connections.ts';
import { ConnectError, type ConnectPhase } from '../protocol/connect-error.ts';
import {
  type Agreement,
  NO_EXTENSIONS,
  renderUpgradeRequest,
  type UpgradeRequestHead,
} from '../protocol/handshake/client.ts';
import { CONNECTION_OPEN } from '../engine/channels.ts';
import type { DeadlineOwner, DeadlineQueue } from '../engine/deadlines.ts';
import type { Engine } from '../engine/engine.ts';
import { SocketChecks } from '../sockets/handle-check.ts';
import { HandleDial } from '../sockets/handle-dial.ts';
import { StreamTransport } from '../sockets/stream-transport.ts';
import { takeStream } from '../sockets/take-stream.ts';
import type { ArrivedTransport, TransportOwner } from '../sockets/transport.ts';
import { type AcceptedAnswer, AnswerReader, upgradeJudge } from '../protocol/handshake/answer-reader.ts';
import { ClientOwner } from './client-owner.ts';
import type { ResolvedConnectOptions } from '../options/connect-options.ts';
import { DeflateClient } from './deflate-client.ts';
import { EarlyInput } from './early-input.ts';
import { withCause, wordsOf } from './error-words.ts';
import { KeyPools } from './key-pool.ts';
import { type Hop, nextHop, notFollowed } from './redirect.ts';
import { Route, type RouteOwner } from './route.ts';

/** Maximum wait for the rest of a refusal's body, in ms. */
const BODY_WAIT_MS = 1_000;

/** What the client waits for in each phase. */
const WAITING_FOR: Readonly<Record<ConnectPhase, string>> = {
  url: 'the URL',
  dns: 'the address of the host',
  turn: 'another connection to the same address',
  tcp: 'the connection to be made',
  proxy: 'the proxy',
  tls: 'the TLS handshake',
  response: 'the answer of the server',
};

/** The result of connecting. One of the two is called, once. */
export interface ConnectOutcome<UserData> {
  resolve(connection: Connection<UserData>): void;
  reject(reason: unknown): void;
}

/**
 * One call of `connect`, from name resolution to the 101 (§4.1), with redirects. Every outcome releases all resources once.
 */
export class Connecting<UserData> implements RouteOwner, TransportOwner, DeadlineOwner {
  deadlineSlot = -1;
  readonly #options: ResolvedConnectOptions;
  readonly #engine: Engine;
  readonly #deadlines: DeadlineQueue;
  readonly #outcome: ConnectOutcome<UserData>;
  #hop: Hop;
  #redirects = 0;
  #settled = false;
  #route: Route | undefined;
  #transport: ArrivedTransport | undefined;
  /** The bytes of the request, until they are written. */
  #request: Buffer | undefined;
  #answer: AnswerReader<Agreement> | undefined;
  /** The refusal of the server or the proxy, while the rest of its body is awaited. */
  #refusal: (() => ConnectError) | undefined;
  #deflate: DeflateClient | undefined;

  constructor(hop: Hop, options: ResolvedConnectOptions, engine: Engine, outcome: ConnectOutcome<UserData>) {
    this.#engine = engine;
    if (options.retainFreedMemory) engine.retainFreedMemory();
    this.#hop = hop;
    this.#options = options;
    this.#deadlines = engine.deadlinesOf(options.clock);
    this.#outcome = outcome;
  }

  start(): void {
    const { signal, connectTimeoutMs, socket, transport } = this.#options;
    if (signal?.aborted === true) {
      socket?.destroy();
      this.#aborted();
      return;
    }
    signal?.addEventListener('abort', this.#aborted);
    this.#deadlines.plan(this, this.#deadlines.now() + connectTimeoutMs);
    // Runs while DNS and TCP wait for the network.
    if (transport === 'auto') this.#engine.part(SocketChecks).prepareClient(this.#hop.destination.secure);
    try {
      this.#go(this.#hop);
    } catch (error) {
      this.#fail(error);
    }
  }

  reached(way: Duplex | HandleDial): void {
    const transport = this.#opened(way);
    this.#transport = transport;
    transport.write([this.#request!]);
    this.#request = undefined;
    // While the server works.
    if (way instanceof HandleDial) way.tune();
  }

  #opened(way: Duplex | HandleDial): ArrivedTransport {
    if (way instanceof HandleDial) return way.open(this);
    return this.#options.transport === 'auto'
      ? takeStream(way, this, this.#engine)
      : new StreamTransport(way, this);
  }

  refusing(refusal: () => ConnectError): void {
    this.#refusal = refusal;
    this.#deadlines.planBy(this, this.#deadlines.now() + BODY_WAIT_MS);
  }

  unreachable(reason: unknown): void {
    this.#fail(reason);
  }

  received(chunk: Buffer): void {
    if (this.#settled) return;
    try {
      const reader = this.#answer!;
      const answer = reader.receive(chunk);
      if (answer?.is === 'accepted') this.#accept(answer);
      else if (answer !== undefined && this.#refusal === undefined) {
        if (this.#follow(reader.refusal())) return;
        if (answer.is === 'refused') this.#fail(reader.refusal());
        else this.refusing(() => reader.refusal());
      } else if (answer?.is === 'refused') this.#fail(reader.refusal());
    } catch (error) {
      this.#fail(error);
    }
  }

  receivedEnd(): void {
    this.closed(undefined);
  }

  writable(): void {}

  closed(error: Error | undefined): void {
    if (this.#refusal !== undefined) this.#fail(this.#refusal());
    else {
      const why = error === undefined ? '' : `: ${wordsOf(error)}`;
      const detail = `it closed the connection before it had answered${why}`;
      this.#fail(new ConnectError('ERR_RESPONSE', detail, { phase: 'response', ...withCause(error) }));
    }
  }

  deadlineReached(): void {
    if (this.#refusal !== undefined) {
      this.#fail(this.#refusal());
      return;
    }
    const phase = this.#route?.phase ?? 'url';
    const detail = `${this.#options.connectTimeoutMs} ms passed in waiting for ${WAITING_FOR[phase]}`;
    this.#fail(new ConnectError('ERR_CONNECT_TIMEOUT', detail, { phase }));
  }

  failed(error: unknown): void {
    this.#fail(error);
  }

  readonly #aborted = (): void => this.#fail(this.#options.signal?.reason);

  #go(hop: Hop): void {
    const { perMessageDeflate } = this.#options;
    this.#hop = hop;
    this.#deflate =
      perMessageDeflate === false ? undefined : new DeflateClient(perMessageDeflate, this.#engine.zlib);
    // Before the turn, which is short then.
    this.#prepareRequest();
    this.#route = new Route(hop.destination, hop.tls, this.#options, this.#engine, this);
    this.#route.begin();
  }

  /** @returns Whether a redirect is followed. @throws ConnectError `ERR_REDIRECT` for one that cannot be followed. */
  #follow(refusal: ConnectError): boolean {
    const { maxRedirects } = this.#options;
    if (maxRedirects === 0) return false;
    const hop = nextHop(this.#hop, refusal);
    if (hop === undefined) return false;
    if (++this.#redirects > maxRedirects) {
      throw notFollowed(refusal, `maxRedirects is ${maxRedirects}, and so many were followed already`);
    }
    this.#transport?.handTo(SILENT_OWNER).destroy();
    this.#transport = undefined;
    this.#route?.leaveTurn();
    this.#go(hop);
    return true;
  }

  #prepareRequest(): void {
    const request = this.#requestHead();
    const wallNow = (): number => this.#options.clock.wallNow();
    this.#answer = new AnswerReader(upgradeJudge(request), this.#options, wallNow);
    this.#request = Buffer.from(renderUpgradeRequest(request), 'latin1');
  }

  #requestHead(): UpgradeRequestHead {
    const { destination, headers } = this.#hop;
    const { host, target, authorization } = destination;
    const { protocols, origin, random } = this.#options;
    return {
      host,
      target,
      key: this.#engine.part(KeyPools).of(random).nonce(),
      protocols,
      extensions: this.#deflate ?? NO_EXTENSIONS,
      origin,
      headers: authorization === undefined ? headers : [...headers, ['Authorization', authorization]],
    };
  }

  #accept(answer: AcceptedAnswer<Agreement>): void {
    const isNextConnecting = this.#settle();
    const early = new EarlyInput(this.#transport!, answer.rest);
    if (!isNextConnecting) this.#open(answer, early);
    else {
      // After the next poll: if TCP of the next client is connected by then, its request is on its way while this goes on.
      setImmediate(() => setImmediate(() => this.#open(answer, early)));
    }
  }

  /** Makes the connection. The connect is settled, so no deadline or signal ends it any more. */
  #open(answer: AcceptedAnswer<Agreement>, early: EarlyInput): void {
    let connection: Connection<UserData>;
    try {
      connection = this.#connection(answer, early);
    } catch (error) {
      this.#transport!.destroy();
      this.#outcome.reject(error);
      return;
    }
    this.#engine.part(OpenConnections).addClient(driverOf(connection));
    if (CONNECTION_OPEN.hasSubscribers) CONNECTION_OPEN.publish({ connection });
    this.#outcome.resolve(connection);
  }

  #connection({ grant, head }: AcceptedAnswer<Agreement>, early: EarlyInput): Connection<UserData> {
    const { random } = this.#options;
    return new Connection<UserData>(
      new ClientOwner<UserData>(this.#options, head, this.#engine),
      {
        ...grant,
        deflate: this.#deflate?.agreed,
        id: random.uuid(),
        data: undefined as UserData,
      },
      'client',
      (owner) => early.handOverTo(owner),
      this.#engine.part(KeyPools).of(random).next,
    );
  }

  #fail(reason: unknown): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#transport?.destroy();
    this.#route?.cancel();
    this.#settle();
    this.#outcome.reject(reason);
  }

  /** @returns Whether the next client connects to this address. */
  #settle(): boolean {
    this.#settled = true;
    // First: the next connect to this address is under way while this one goes on.
    const isNextConnecting = this.#route?.leaveTurn() === true;
    this.#deadlines.cancel(this);
    this.#options.signal?.removeEventListener('abort', this.#aborted);
    return isNextConnecting;
  }
}

/** Owns the transport of a hop that was redirected, and ignores its callbacks. */
const SILENT_OWNER: TransportOwner = Object.freeze({
  received: () => undefined,
  receivedEnd: () => undefined,
  writable: () => undefined,
  closed: () => undefined,
});
