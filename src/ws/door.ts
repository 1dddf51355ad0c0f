import type { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { createWebSocketStream } from './duplex.ts';
import { extension } from './extension.ts';
import type * as events from './event-target.ts';
import type * as socketEvents from './events.ts';
import type * as options from './options.ts';
import { Sender } from './sender.ts';
import type * as server from './server.ts';
import { WebSocketServer } from './server.ts';
import { subprotocol } from './subprotocol.ts';
import * as websocket from './websocket.ts';

/** The static members of {@link WebSocket}, besides the four states. */
export interface Statics {
  readonly WebSocket: typeof websocket.WebSocket;
  readonly Server: typeof WebSocketServer;
  readonly WebSocketServer: typeof WebSocketServer;
  readonly Sender: typeof Sender;
  /** Makes a stream of a connection. */
  readonly createWebSocketStream: typeof createWebSocketStream;
  /** `parse` and `format` of `Sec-WebSocket-Extensions`. */
  readonly extension: typeof extension;
  /** `parse` of `Sec-WebSocket-Protocol`. */
  readonly subprotocol: typeof subprotocol;
}

/**
 * The class `WebSocket`, with the other exports as static members, as `require('ws')` has them. Its namespace has the types of
 * `@types/ws`.
 */
export const WebSocket: typeof websocket.WebSocket & Statics = /* @__PURE__ */ Object.assign(
  websocket.WebSocket,
  {
    WebSocket: websocket.WebSocket,
    Server: WebSocketServer,
    WebSocketServer,
    Sender,
    createWebSocketStream,
    extension,
    subprotocol,
  },
);
/** An instance of the class. */
export interface WebSocket extends websocket.WebSocket {}

/** The types of `@types/ws`, under its names. */
export declare namespace WebSocket {
  /** How a message arrives. */
  type RawData = socketEvents.RawData;
  /** What `send` of older versions of `@types/ws` names. */
  type Data = string | Buffer | ArrayBuffer | Buffer[];
  /** An event of the EventTarget half. */
  type Event = events.Event;
  /** The event of a received message. */
  type MessageEvent = events.MessageEvent;
  /** The event of the end of a connection. */
  type CloseEvent = events.CloseEvent;
  /** The event of a failure. */
  type ErrorEvent = events.ErrorEvent;
  /** The events of the EventTarget half, by type. */
  type WebSocketEventMap = socketEvents.WebSocketEventMap;
  /** Options of a client. */
  type ClientOptions = options.ClientOptions;
  /** Options of compression. */
  type PerMessageDeflateOptions = options.PerMessageDeflateOptions;
  /** The hook `verifyClient` that returns its answer. */
  type VerifyClientCallbackSync<Request extends IncomingMessage = IncomingMessage> =
    options.VerifyClientCallbackSync<Request>;
  /** The hook `verifyClient` that calls back. */
  type VerifyClientCallbackAsync<Request extends IncomingMessage = IncomingMessage> =
    options.VerifyClientCallbackAsync<Request>;
  /** Options of a server. */
  type ServerOptions<
    T extends typeof websocket.WebSocket = typeof websocket.WebSocket,
    U extends typeof IncomingMessage = typeof IncomingMessage,
  > = options.ServerOptions<T, U>;
  /** An instance of the class. */
  type WebSocket = websocket.WebSocket;
  /** A server. */
  type WebSocketServer<
    T extends typeof websocket.WebSocket = typeof websocket.WebSocket,
    U extends typeof IncomingMessage = typeof IncomingMessage,
  > = server.WebSocketServer<T, U>;
  /** Another name of `WebSocketServer`. */
  type Server<
    T extends typeof websocket.WebSocket = typeof websocket.WebSocket,
    U extends typeof IncomingMessage = typeof IncomingMessage,
  > = server.WebSocketServer<T, U>;
}
