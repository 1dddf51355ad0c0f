import type { LookupAddress } from 'node:dns';
import { connect, isIP, type OnReadOpts, Socket } from 'node:net';
import { platform } from 'node:os';
import type { Duplex } from 'node:stream';
import { connect as connectTls, TLSSocket } from 'node:tls';
import type { Destination } from '../client/destination.ts';
import { Route } from '../client/route.ts';
import { buildCloseBody, type CloseBody } from '../protocol/close.ts';
import { ConnectError } from '../protocol/connect-error.ts';
import { OPCODE } from '../protocol/constants.ts';
import { MAX_WINDOW_BITS } from '../protocol/deflate/parameters.ts';
import { buildFrame } from '../protocol/outgoing/frame-builder.ts';
import { PeerError } from '../protocol/errors.ts';
import { ConnectTurns } from '../client/turns.ts';
import { systemClock } from '../engine/clock.ts';
import type { RandomSource } from '../engine/random.ts';
import { lookupOf } from '../sockets/resolve-host.ts';
import { networkWords } from './failure-words.ts';
import type { CompressedForms } from './compressed-forms.ts';
import type { FrameRing } from './frame-ring.ts';
import { LoadError, type LoadTarget } from './load-plan.ts';
import { HEAD_LIMITS, type Opening } from './opening.ts';
import { ReplyReader } from './reply-reader.ts';

const READ_BUFFER_BYTES = 131_072;
/** A system that fills read buffers asynchronously needs one per connection. */
const SHARED_READ_BUFFER = platform() === 'win32' ? undefined : Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);

/** What all connections of a run have in common. */
export interface LoadWire {
  readonly destination: Destination;
  /** Of the destination, where it has a host. */
  readonly addresses: readonly LookupAddress[];
  readonly opening: () => Opening;
  readonly tls: LoadTarget['tls'];
  readonly proxy: LoadTarget['proxy'];
  readonly proxyTls: LoadTarget['proxyTls'];
  readonly ring: FrameRing;
  /** `undefined` where nothing is compressed. */
  readonly forms: CompressedForms | undefined;
  readonly binary: boolean;
  readonly verbatim: boolean;
  /** Whether messages that the server sends by itself are ignored. */
  readonly unasked: boolean;
  /** Maximum unanswered messages of one connection. */
  readonly window: number;
  readonly random: RandomSource;
}

/** The owner of a connection. Called from socket events, never within a method of the connection. */
export interface LoadConnectionOwner {
  opened(connection: LoadConnection): void;
  /** Called with the number of further answered messages. */
  replied(connection: LoadConnection, count: number): void;
  /** The connection has ended; called once. @param why `undefined` if the load generator ended it. */
  ended(connection: LoadConnection, why: string | undefined): void;
  /** A wrong answer, which makes the run invalid. */
  failed(error: LoadError): void;
}

/**
 * One connection of the load generator: raw bytes, frames masked beforehand, and one read buffer for all connections. It
 * keeps the scheduled time of each unanswered message.
 */
export class LoadConnection {
  /** Messages sent and not answered. */
  underWay = 0;
  isOpen = false;
  /** When it began to open, for its owner. */
  startedMs = 0;

  readonly #wire: LoadWire;
  readonly #owner: LoadConnectionOwner;
  /** `undefined` until the proxy has opened its tunnel. */
  #socket: Duplex | undefined;
  readonly #route: Route | undefined;
  readonly #opening: Opening;
  readonly #reader: ReplyReader;
  readonly #sentMs: Float64Array;
  #sendSlot = 0;
  /** Places in `sentMs`. */
  #sendAt = 0;
  #replyAt = 0;
  #why: string | undefined;
  #leaving = false;
  #isOver = false;

  constructor(wire: LoadWire, owner: LoadConnectionOwner) {
    this.#wire = wire;
    this.#owner = owner;
    this.#opening = wire.opening();
    this.#sentMs = new Float64Array(wire.window);
    this.#reader = new ReplyReader(
      {
        payloads: wire.ring.payloads,
        binary: wire.binary,
        forms: wire.forms,
        unasked: wire.unasked,
      },
      wire.verbatim ? 'server' : 'client',
      {
        pinged: (payload) =>
          void this.#socket?.write(buildFrame(OPCODE.PONG, payload, wire.random.bytes(4).readInt32LE())),
        closedByPeer: (body) => this.#closedByPeer(body),
        underWay: () => this.underWay,
      },
    );
    if (wire.proxy === undefined) this.#take(wire.destination.secure ? this.#openTls() : this.#openPlain());
    else {
      this.#route = this.#routeThrough(wire.proxy);
      this.#route.begin();
    }
  }

  #take(socket: Socket): void {
    this.#listen(socket);
    socket.setNoDelay(true);
    const { secure } = this.#wire.destination;
    socket.once(secure ? 'secureConnect' : 'connect', () => socket.write(this.#opening.request, 'latin1'));
  }

  #listen(socket: Duplex): void {
    this.#socket = socket;
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#why ??= networkWords(error, 'the server') ?? error.code ?? error.message;
    });
    socket.on('end', () => {
      this.#why ??= 'the server ended the connection';
    });
    socket.on('close', () => this.#ended());
  }

  /** Nothing is left of it. A route that was given up tells no more, so it may be asked twice. */
  #ended(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.isOpen = false;
    this.#owner.ended(this, this.#leaving ? undefined : (this.#why ?? 'the connection was closed'));
  }

  #routeThrough(proxy: NonNullable<LoadWire['proxy']>): Route {
    const { destination, tls, proxyTls } = this.#wire;
    const options = {
      tls,
      proxy,
      proxyTls,
      lookup: undefined,
      socket: undefined,
      createConnection: undefined,
      serializeConnects: false,
      clock: systemClock,
      ...HEAD_LIMITS,
    };
    return new Route(destination, options, new ConnectTurns(), {
      reached: (stream) => {
        this.#listen(stream);
        stream.on('data', (chunk: Buffer) => this.#received(chunk)).resume();
        stream.write(this.#opening.request, 'latin1');
      },
      // The status says enough.
      refusing: (refusal) => this.giveUp(refusal().message),
      unreachable: (reason) => {
        this.#why ??= reason instanceof Error ? reason.message : String(reason);
        this.#ended();
      },
    });
  }

  /** Removes and returns the scheduled time of the oldest unanswered message. */
  takeSentMs(): number {
    const sentMs = this.#sentMs[this.#replyAt]!;
    this.#replyAt = this.#replyAt + 1 === this.#sentMs.length ? 0 : this.#replyAt + 1;
    this.underWay--;
    return sentMs;
  }

  /**
   * Sends the next messages, in one write.
   * @param count At most what the window has room for.
   * @param meantMs When they were due.
   */
  send(count: number, meantMs: number): void {
    const { ring } = this.#wire;
    for (let i = 0; i < count; i++) {
      this.#sentMs[this.#sendAt] = meantMs;
      this.#sendAt = this.#sendAt + 1 === this.#sentMs.length ? 0 : this.#sendAt + 1;
    }
    this.underWay += count;
    this.#socket!.write(ring.run(this.#sendSlot, count));
    this.#sendSlot = (this.#sendSlot + count) % ring.length;
  }

  /** Begins the closing handshake; the server ends the connection. */
  close(): void {
    this.#leaving = true;
    const key = this.#wire.random.bytes(4).readInt32LE();
    if (this.isOpen) this.#socket!.end(buildFrame(OPCODE.CLOSE, buildCloseBody(1000, ''), key));
    else this.#destroy();
  }

  /** Aborts the connection; with a TCP reset, so that no port stays busy. */
  reset(): void {
    this.#leaving = true;
    this.#destroy();
  }

  /** Ends it for a reason that its owner is told. */
  giveUp(why: string): void {
    this.#why ??= why;
    this.#destroy();
  }

  #destroy(): void {
    const socket = this.#socket;
    if (socket === undefined) {
      this.#route?.cancel();
      setImmediate(() => this.#ended());
      return;
    }
    const { secure, address } = this.#wire.destination;
    const isTcp =
      !secure && !('path' in address) && socket instanceof Socket && !(socket instanceof TLSSocket);
    // Only TCP that is connected can be reset.
    if (isTcp && !socket.connecting) socket.resetAndDestroy();
    else socket.destroy();
  }

  #openPlain(): Socket {
    const { destination, addresses } = this.#wire;
    const { address } = destination;
    const onread: OnReadOpts = {
      buffer: SHARED_READ_BUFFER ?? Buffer.allocUnsafeSlow(READ_BUFFER_BYTES),
      callback: (bytes, buffer) => {
        this.#received((buffer as Buffer).subarray(0, bytes));
        return true;
      },
    };
    return connect({ ...address, onread, ...('path' in address ? {} : { lookup: lookupOf(addresses) }) });
  }

  #openTls(): Socket {
    const { destination, addresses, tls } = this.#wire;
    const host = 'host' in destination.address ? destination.address.host : '';
    const socket = connectTls({
      ...destination.address,
      lookup: lookupOf(addresses),
      // An address is no name to ask for.
      servername: isIP(host) === 0 ? host : '',
      ALPNProtocols: ['http/1.1'],
      ...tls,
    });
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    return socket;
  }

  #received(chunk: Buffer): void {
    try {
      const rest = this.isOpen ? chunk : this.#readHead(chunk);
      if (rest === undefined || rest.length === 0) return;
      const count = this.#reader.receive(rest);
      if (count > 0 && !this.#leaving) this.#owner.replied(this, count);
    } catch (error) {
      if (error instanceof ConnectError) return this.giveUp(error.message);
      const fault =
        error instanceof PeerError
          ? new LoadError(`an answer is wrong: ${error.message}`, { cause: error })
          : error;
      if (!(fault instanceof LoadError)) throw error;
      this.giveUp(fault.message);
      this.#owner.failed(fault);
    }
  }

  /** @returns What lies behind the head of a 101. */
  #readHead(chunk: Buffer): Buffer | undefined {
    const { answer, deflate } = this.#opening;
    const verdict = answer.receive(chunk);
    if (verdict === undefined) return undefined;
    if (verdict.is !== 'accepted') throw answer.refusal();
    if (deflate !== undefined && deflate.agreed?.client.windowBits !== MAX_WINDOW_BITS) {
      throw new LoadError('the server did not agree to permessage-deflate with a window of 15 bits');
    }
    if (deflate?.agreed?.server.contextTakeover === true) {
      throw new LoadError(
        'the server keeps its compression context from message to message, so its answers cannot be compared with what was sent: measure it without --compress',
      );
    }
    this.isOpen = true;
    this.#owner.opened(this);
    return verdict.rest;
  }

  #closedByPeer({ code, reason }: CloseBody): void {
    this.#why ??= `the server closed with ${code}${reason === '' ? '' : ` '${reason}'`}`;
    // §5.5.1: answered, and the server ends the connection
    if (!this.#leaving)
      this.#socket?.end(
        buildFrame(OPCODE.CLOSE, buildCloseBody(code, ''), this.#wire.random.bytes(4).readInt32LE()),
      );
    this.isOpen = false;
  }
}
