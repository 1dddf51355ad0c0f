import { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { Connection } from '../../connection/connection.ts';
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
    socket: Duplex,
    head: RequestHead,
    rest: Buffer,
    request: IncomingMessage,
  ): Promise<Connection<UserData> | undefined> {
    return new Promise((resolve) => {
      const begin = (): void => {
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
