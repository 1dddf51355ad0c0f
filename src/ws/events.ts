import type { Buffer } from 'node:buffer';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { CloseEvent, ErrorEvent, Event, MessageEvent } from './event-target.ts';

/** What a message arrives as: by `binaryType`. */
export type RawData = Buffer | ArrayBuffer | Buffer[];

/** Arguments of the events of a `WebSocket`. */
export interface WebSocketEvents {
  /** The handshake of a client is complete. */
  open: [];
  /** A whole message. Text arrives as bytes, too: `isBinary` tells the two apart. */
  message: [data: RawData, isBinary: boolean];
  /** The connection has ended. `code` is 1005 if the Close of the peer had none, 1006 if there was no Close. */
  close: [code: number, reason: Buffer];
  /** The connection failed; `close` follows. Without a listener, the error ends the process. */
  error: [error: Error];
  /** A ping, which is answered unless `autoPong` is `false`. */
  ping: [data: Buffer];
  /** A pong. */
  pong: [data: Buffer];
  /** The server accepted the handshake of a client; `open` follows. */
  upgrade: [response: IncomingMessage];
  /** A client with `followRedirects` follows a redirect. Listeners may change `request`. */
  redirect: [url: string, request: ClientRequest];
  /** The server refused the handshake of a client. With a listener, the application ends the request; without one, `error` follows. */
  'unexpected-response': [request: ClientRequest, response: IncomingMessage];
}

/** Events of the EventTarget half. */
export interface WebSocketEventMap {
  /** The handshake of a client is complete. */
  open: Event;
  /** A whole message. */
  message: MessageEvent;
  /** The connection has ended. */
  close: CloseEvent;
  /** The connection failed; `close` follows. */
  error: ErrorEvent;
}

/** A listener of the EventTarget half. */
export type EventHandler<E extends keyof WebSocketEventMap> =
  | ((event: WebSocketEventMap[E]) => void)
  | { handleEvent(event: WebSocketEventMap[E]): void };
