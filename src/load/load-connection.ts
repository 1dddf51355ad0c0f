import type { LookupAddress } from 'node:dns';
import type { ClientRequest } from 'node:http';
import { connect, isIP, type LookupFunction, type OnReadOpts, type Socket } from 'node:net';
import { platform } from 'node:os';
import { connect as connectTls, TLSSocket } from 'node:tls';
import {
  buildCloseBody,
  buildFrame,
  type CloseBody,
  ConnectError,
  type Destination,
  OPCODE,
  PeerError,
} from '../protocol/index.ts';
import { networkWords } from './failure-words.ts';
import type { CompressedForms } from './compressed-forms.ts';
import type { FrameRing } from './frame-ring.ts';
import { LoadError, type LoadTarget, type RandomBytes } from './load-plan.ts';
import type { Opening } from './opening.ts';
import { openTunnel } from './proxy-tunnel.ts';
import { ReplyReader } from './reply-reader.ts';

const READ_BUFFER_BYTES = 131_072;
/** Shared by all connections. Windows fills read buffers asynchronously, so each connection needs its own. */
const SHARED_READ_BUFFER = platform() === 'win32' ? undefined : Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);

/** State and settings that all connections of a run share. */
export interface LoadWire {
  readonly destination: Destination;
  /** Addresses of the destination; empty for a Unix socket, and with a proxy. */
  readonly addresses: readonly LookupAddress[];
  readonly opening: () => Opening;
  readonly tls: LoadTarget['tls'];
  readonly proxy: LoadTarget['proxy'];
  readonly ring: FrameRing;
  /** `undefined` if messages are not compressed. */
  readonly forms: CompressedForms | undefined;
  readonly binary: boolean;
  readonly verbatim: boolean;
  /** Whether to ignore unsolicited messages of the server. */
  readonly unsolicited: boolean;
  /** Maximum unanswered messages of one connection. */
  readonly window: number;
  readonly random: RandomBytes;
}

/** The owner of a connection. Called from socket events, never within a method of the connection. */
export interface LoadConnectionOwner {
  opened(connection: LoadConnection): void;
  /** Called when messages were answered. @param count Number of messages answered since the last call. */
  replied(connection: LoadConnection, count: number): void;
  /** Called once, when the connection has ended. @param why The reason; `undefined` if the load generator ended it. */
  ended(connection: LoadConnection, why: string | undefined): void;
  /** Called for a wrong answer: the run is invalid. */
  failed(error: LoadError): void;
}

/** The part of a connection that a driver uses. */
export type Sender = Pick<LoadConnection, 'unanswered' | 'send' | 'takeSentMs' | 'giveUp'>;

/** Implements one mode: sends messages over the connections of a run and receives the answers. */
export interface LoadDriver {
  /** Starts sending. */
  start(): void;
  replied(connection: Sender, count: number): void;
  /** An open connection has ended. */
  lost(connection: Sender): void;
  /** Whether a message is unanswered. */
  waiting(): boolean;
  /** Stops sending. */
  stop(): void;
}

/**
 * One connection of the load generator. It writes frames that were masked in advance, and shares one read buffer with the
 * other connections. It stores the scheduled time of each unanswered message.
 */
export class LoadConnection {
  /** Messages sent and not answered. */
  unanswered = 0;
  isOpen = false;
  /** Time when the connection began to open. Set by the owner. */
  startedMs = 0;

  readonly #wire: LoadWire;
  readonly #owner: LoadConnectionOwner;
  /** `undefined` until the proxy has opened the tunnel. */
  #socket: Socket | undefined;
  readonly #tunnel: ClientRequest | undefined;
  readonly #opening: Opening;
  readonly #reader: ReplyReader;
  readonly #sentMs: Float64Array;
  #sendSlot = 0;
  /** Indexes into `sentMs`. */
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
        unsolicited: wire.unsolicited,
      },
      wire.verbatim ? 'server' : 'client',
      {
        pinged: (payload) =>
          void this.#socket?.write(buildFrame(OPCODE.PONG, payload, wire.random.bytes(4).readInt32LE())),
        closedByPeer: (body) => this.#closedByPeer(body),
        unanswered: () => this.unanswered,
      },
    );
    if (wire.proxy !== undefined) this.#tunnel = this.#openTunnel(wire.proxy);
    else this.#take(wire.destination.secure ? this.#openTls() : this.#openPlain());
  }

  #take(socket: Socket): void {
    this.#socket = socket;
    socket.setNoDelay(true);
    const { secure } = this.#wire.destination;
    if (socket.connecting || secure) {
      const connected = secure ? 'secureConnect' : 'connect';
      socket.once(connected, () => socket.write(this.#opening.request, 'latin1'));
    } else socket.write(this.#opening.request, 'latin1');
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#why ??= networkWords(error, peerOf(this.#wire.destination)) ?? error.code ?? error.message;
    });
    socket.on('end', () => {
      this.#why ??= 'the server ended the connection';
    });
    socket.on('close', () => this.#ended());
  }

  /** Reports the end to the owner, once: a destroyed tunnel request may also emit an error. */
  #ended(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.isOpen = false;
    this.#owner.ended(this, this.#leaving ? undefined : (this.#why ?? 'the connection was closed'));
  }

  #openTunnel(proxy: NonNullable<LoadWire['proxy']>): ClientRequest {
    const { address, secure } = this.#wire.destination;
    return openTunnel(proxy, address as Exclude<typeof address, { readonly path: string }>, {
      tunnelled: (socket) => {
        if (this.#isOver) socket.destroy();
        else this.#take(secure ? this.#openTls(socket) : this.#reading(socket));
      },
      notTunnelled: (why) => {
        this.#why ??= why;
        this.#ended();
      },
    });
  }

  /** Removes and returns the scheduled time of the oldest unanswered message. */
  takeSentMs(): number {
    const sentMs = this.#sentMs[this.#replyAt]!;
    this.#replyAt = this.#replyAt + 1 === this.#sentMs.length ? 0 : this.#replyAt + 1;
    this.unanswered--;
    return sentMs;
  }

  /**
   * Sends the next messages, in one write.
   * @param count At most the room in the window.
   * @param dueMs Scheduled time of the messages.
   */
  send(count: number, dueMs: number): void {
    const { ring } = this.#wire;
    for (let i = 0; i < count; i++) {
      this.#sentMs[this.#sendAt] = dueMs;
      this.#sendAt = this.#sendAt + 1 === this.#sentMs.length ? 0 : this.#sendAt + 1;
    }
    this.unanswered += count;
    this.#socket!.write(ring.run(this.#sendSlot, count));
    this.#sendSlot = (this.#sendSlot + count) % ring.length;
  }

  /** Starts the closing handshake. The server then ends the connection. */
  close(): void {
    this.#leaving = true;
    const key = this.#wire.random.bytes(4).readInt32LE();
    if (this.isOpen) this.#socket!.end(buildFrame(OPCODE.CLOSE, buildCloseBody(1000, ''), key));
    else this.#destroy();
  }

  /** Aborts the connection, by a TCP reset where possible: a reset leaves no port in TIME_WAIT. */
  reset(): void {
    this.#leaving = true;
    this.#destroy();
  }

  /** Aborts the connection and reports `why` to the owner. */
  giveUp(why: string): void {
    this.#why ??= why;
    this.#destroy();
  }

  #destroy(): void {
    const socket = this.#socket;
    if (socket === undefined) {
      this.#tunnel?.destroy();
      setImmediate(() => this.#ended());
      return;
    }
    const { secure, address } = this.#wire.destination;
    const isTcp = !secure && !('path' in address) && !(socket instanceof TLSSocket);
    // Only a connected TCP socket can be reset.
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

  /** @param below A tunnel to the destination. Default: a new connection. */
  #openTls(below?: Socket): Socket {
    const { destination, addresses, tls } = this.#wire;
    const host = 'host' in destination.address ? destination.address.host : '';
    return this.#reading(
      connectTls({
        ...destination.address,
        ...(below === undefined ? { lookup: lookupOf(addresses) } : { socket: below }),
        // An address is not a server name (RFC 6066 §3).
        servername: isIP(host) === 0 ? host : '',
        ALPNProtocols: ['http/1.1'],
        ...tls,
      }),
    );
  }

  #reading<Stream extends Socket>(socket: Stream): Stream {
    return socket.on('data', (chunk: Buffer) => this.#received(chunk)).resume();
  }

  #received(chunk: Buffer): void {
    try {
      const rest = this.isOpen ? chunk : this.#readHead(chunk);
      if (rest === undefined || rest.length === 0) return;
      const count = this.#reader.receive(rest);
      if (count === 0) return;
      if (this.#leaving) this.unanswered -= count;
      else this.#owner.replied(this, count);
    } catch (error) {
      if (error instanceof ConnectError) return this.giveUp(error.message);
      const fault =
        error instanceof PeerError
          ? new LoadError(`the server sent an invalid frame: ${error.message}`, { cause: error })
          : error;
      if (!(fault instanceof LoadError)) throw error;
      this.giveUp(fault.message);
      this.#owner.failed(fault);
    }
  }

  /** @returns The bytes after the head of a 101; `undefined` if the head is incomplete. */
  #readHead(chunk: Buffer): Buffer | undefined {
    const { answer, deflate } = this.#opening;
    const verdict = answer.receive(chunk);
    if (verdict === undefined) return undefined;
    if (verdict.is !== 'accepted') throw answer.refusal();
    deflate?.check();
    this.isOpen = true;
    this.#owner.opened(this);
    return verdict.rest;
  }

  #closedByPeer({ code, reason }: CloseBody): void {
    this.#why ??= `the server closed with ${code}${reason === '' ? '' : ` '${reason}'`}`;
    // Answer a Close with a Close. The server then ends TCP (§5.5.1, §7.1.1).
    if (!this.#leaving)
      this.#socket?.end(
        buildFrame(OPCODE.CLOSE, buildCloseBody(code, ''), this.#wire.random.bytes(4).readInt32LE()),
      );
    this.isOpen = false;
  }
}

/** The server as shown to the user. */
const peerOf = ({ address }: Destination): string =>
  'path' in address
    ? address.path
    : `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;

/** A lookup function that returns known addresses. */
const lookupOf =
  (addresses: readonly LookupAddress[]): LookupFunction =>
  (_, options, done) => {
    if (options.all === true) done(null, [...addresses]);
    else done(null, addresses[0]!.address, addresses[0]!.family);
  };
