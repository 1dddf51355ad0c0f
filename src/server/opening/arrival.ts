import type { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import type { ProxySource } from '../../protocol/handshake/proxy-header.ts';
import type { ArrivedTransport, TransportOwner } from '../../sockets/transport.ts';
import type { HandshakePlace } from '../admission/handshake-places.ts';
import type { HttpAnswers } from './http-answers.ts';

/** A socket whose request has not been read. */
export interface Arrival {
  /** Node's socket; `undefined` for a handle. */
  readonly socket?: Duplex | undefined;
  /** Makes a transport of the socket. */
  readonly open: (owner: TransportOwner) => ArrivedTransport;
  /** Reads and answers the request. Default: an upgrade of HTTP/1.1. */
  readonly answers?: HttpAnswers;
  /** When TCP accepted it, on the clock of deadlines. Default: now. */
  readonly acceptedAtMs?: number | undefined;
  /** The place that the socket already has among pending handshakes. */
  readonly place?: HandshakePlace | undefined;
  /** The client that a PROXY header named. */
  readonly source?: ProxySource | undefined;
  /** First bytes of the request, already read. */
  readonly rest?: Buffer;
}
