import { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { Connection } from '../../connection/connection.ts';
import { MisuseError } from '../../protocol/errors.ts';
import type { ConnectHead } from '../../protocol/handshake/connect-head.ts';
import type { RequestHead } from '../../protocol/handshake/http-head.ts';
import { Http2Transport, socketOf } from '../../sockets/http2-transport.ts';
import { NO_PEER } from '../../sockets/no-peer.ts';
import { pendingResponse } from '../../sockets/pending-response.ts';
import { StreamTransport, tuneSocket } from '../../sockets/stream-transport.ts';
import { takeStream } from '../../sockets/take-stream.ts';
import type { TransportOwner } from '../../sockets/transport.ts';
import { uncountedPlace } from '../admission/handshake-places.ts';
import type { Arrival } from './arrival.ts';
import { Handshake } from './handshake.ts';
import type { HandshakeOwner } from './handshake-owner.ts';
import { Http2Answers } from './http-answers.ts';
import { PipelinedUpgrade } from './pipelined-upgrade.ts';

/** Marks sockets whose upgrade a server answers; the same in every copy of this library. */
const TAKEN: unique symbol = Symbol.for('hawser.taken');

/** @throws MisuseError `ERR_STATE` if a server answers the upgrade of this socket already. */
export function checkFree(socket: Duplex & { [TAKEN]?: true }): void {
  if (socket[TAKEN] !== true) return;
  throw new MisuseError(
    'ERR_STATE',
    'handleUpgrade was called for this socket before: let one listener of `upgrade` answer each request',
  );
}

/** Begins the handshake of each socket, however it arrives: on our own port, from an HTTP server, or as a stream of HTTP/2. */
export class Arrivals<UserData> {
  readonly #owner: HandshakeOwner<UserData>;
  /** One that has ended, which keeps the hidden class of all others (decision 0032). */
  kept: Handshake<UserData> | undefined;

  constructor(owner: HandshakeOwner<UserData>) {
    this.#owner = owner;
  }

  /** A socket of our own listener. */
  accepted(arrival: Arrival): void {
    const handshake = this.#begin(arrival);
    handshake.readHead();
    if (arrival.rest !== undefined) handshake.received(arrival.rest);
  }

  /** Opens a stream the way that option `transport` says. */
  take(stream: Duplex, owner: TransportOwner): StreamTransport {
    const { options, engine } = this.#owner;
    return options.transport === 'auto'
      ? takeStream(stream, owner, engine)
      : new StreamTransport(stream, owner);
  }

  /** A request that an HTTP server has read. */
  upgrade(
    socket: Duplex & { [TAKEN]?: true },
    head: RequestHead,
    rest: Buffer,
    request: IncomingMessage,
  ): Promise<Connection<UserData> | undefined> {
    socket[TAKEN] = true;
    return new Promise((resolve) => {
      const begin = (): void => {
        // The client has left while the application decided: `close` and `end` of this socket have been emitted already.
        if (socket.destroyed || !socket.readable || !socket.writable) {
          socket.destroy();
          resolve(undefined);
          return;
        }
        tuneSocket(socket);
        const open = (owner: TransportOwner): StreamTransport => this.take(socket, owner);
        this.#begin({ socket, open }, resolve).withHead(head, rest, request);
      };
      if (pendingResponse(socket) === undefined) begin();
      else new PipelinedUpgrade(this.#owner, socket, head.target).wait(begin, () => resolve(undefined));
    });
  }

  /** An extended CONNECT of HTTP/2. */
  upgradeStream(stream: ServerHttp2Stream, head: ConnectHead): void {
    const open = (owner: TransportOwner): Http2Transport => new Http2Transport(stream, owner);
    const arrival = { socket: socketOf(stream.session), open, answers: new Http2Answers(stream) };
    this.#begin(arrival).withHead(head, Buffer.alloc(0));
  }

  #begin(
    arrival: Arrival,
    finished: (connection: Connection<UserData> | undefined) => void = () => {},
  ): Handshake<UserData> {
    this.kept ??= this.#endedHandshake();
    return new Handshake(this.#owner, arrival, finished);
  }

  #endedHandshake(): Handshake<UserData> {
    const handshake = new Handshake(this.#owner, { open: () => NO_PEER, place: uncountedPlace() }, () => {});
    handshake.closed();
    return handshake;
  }
}
