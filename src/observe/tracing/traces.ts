import type { IncomingMessage } from 'node:http';
import type { Message, Payload } from '../../protocol/payload.ts';
import type { HeaderFields } from '../../options/hooks.ts';
import type { ObservedConnection, Refusal } from '../observer.ts';

/** The request of a handshake, before it is checked. */
export interface HandshakeRequest {
  /** `CONNECT` over HTTP/2. */
  readonly method: string;
  /** Path and query as sent. Do not store the query: it often contains tokens. */
  readonly target: string;
  /** Whether the client uses TLS, up to this server or up to a trusted proxy. */
  readonly secure: boolean;
  /** Header fields as in the `request` of the `upgrade` hook. */
  readonly headers: HeaderFields;
  /** Node's request object, if the request came through an attached HTTP server. */
  readonly incomingMessage?: IncomingMessage;
}

/** The status that accepts a handshake: 200 over HTTP/2 (RFC 8441 §5), else 101. */
export const statusOfAcceptance = (request: Pick<HandshakeRequest, 'method'> | undefined): number =>
  request?.method === 'CONNECT' ? 200 : 101;

/** What a trace may read of a connection. */
export interface TracedConnection extends ObservedConnection {
  /** The `Connection` that the application holds. */
  readonly connection: object;
}

/** Follows one handshake. The library calls {@link run} first, then one of the other methods once, at any time. */
export interface HandshakeTrace {
  /**
   * Runs the decision in the context of the trace. With an `upgrade` hook that returns a promise, the decision continues after
   * this call. @throws What `decide` throws.
   */
  run(decide: () => void): void;
  /** The 101, or the 200 of HTTP/2, was passed to the socket. Comes before the `connection` event. */
  accepted(connection: TracedConnection): void;
  /** The refusal was passed to the socket. Comes before the `refused` event. */
  refused(refusal: Refusal): void;
  /** The client disconnected before there was an answer. */
  abandoned(): void;
}

/** Follows the handshakes of a server. */
export interface HandshakeTracer {
  /**
   * Begins to follow a handshake. Must not throw.
   * @param request `undefined` if the handshake is refused before its request was read.
   */
  handshake(request: HandshakeRequest | undefined, remoteAddress: string): HandshakeTrace;
}

/** Follows one message through the `message` listeners. The library calls {@link run} first and {@link settled} last. */
export interface HandlerTrace {
  /** Calls the listeners in the context of the trace. @throws What `listeners` throws. */
  run(listeners: () => void): void;
  /** A listener threw, or its promise rejected. */
  failed(error: unknown): void;
  /** All listeners are done. @param late At least one returned a promise. */
  settled(late: boolean): void;
}

/** Follows one broadcast or publish. */
export interface BroadcastTrace {
  /** @param recipients The connections that accepted it. */
  ended(recipients: number): void;
}

/**
 * Follows a sample of the messages of a server. The library asks {@link isNext} once for each message, and calls another method only
 * if the answer was `true`. The methods must not throw.
 */
export interface MessageTracer {
  /** Whether the message is in the sample. Called for every message: it must cost a few nanoseconds. */
  isNext(): boolean;
  /** A message is about to be given to its consumers. @returns `undefined` to leave it alone. */
  handler(connection: TracedConnection, message: Message, isText: boolean): HandlerTrace | undefined;
  /** A message for one connection was accepted. @param binary As given to `send`. */
  sent(connection: TracedConnection, payload: Payload, binary: boolean | undefined): void;
  /** A broadcast or publish begins. @returns `undefined` to leave it alone. */
  broadcast(bytes: number, isText: boolean): BroadcastTrace | undefined;
}
