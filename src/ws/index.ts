/**
 * `hawser/ws`: the interface of the npm package `ws` on Hawser's core. A program that uses `ws` runs on it by changing the name
 * that it imports. docs/ws.md lists the differences.
 *
 * @module
 */
export { type Statics, WebSocket } from './door.ts';
export { WebSocket as default, WebSocket as 'module.exports' } from './door.ts';
export { createWebSocketStream } from './duplex.ts';
export type { CloseEvent, ErrorEvent, Event, EventSocket, MessageEvent } from './event-target.ts';
export {
  extension,
  type ExtensionParameters,
  type Extensions,
  type FormattableExtensions,
} from './extension.ts';
export type { RawData, WebSocketEventMap, WebSocketEvents } from './events.ts';
export type {
  ClientOptions,
  ConnectionOptions,
  PerMessageDeflateOptions,
  ServerOptions,
  VerifyClientCallbackAsync,
  VerifyClientCallbackSync,
} from './options.ts';
export { type FrameOptions, Sender } from './sender.ts';
export { subprotocol } from './subprotocol.ts';
export { WebSocketServer, type WebSocketServerEvents } from './server.ts';
