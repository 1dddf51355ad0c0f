import type { Buffer } from 'node:buffer';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { CloseEvent, ErrorEvent, Event, MessageEvent } from './event-target.ts';

/** What a message arrives as: by `binaryType`. */
export type RawData = Buffer | ArrayBuffer | Buffer[];

/** Arguments of the events of a `WebSocket`. */
export interface WebSocketEvents {
  open: [];
  message: [data: RawData, isBinary: boolean];
  close: [code: number, reason: Buffer];
  error: [error: Error];
  ping: [data: Buffer];
  pong: [data: Buffer];
  upgrade: [response: IncomingMessage];
  redirect: [url: string, request: ClientRequest];
  'unexpected-response': [request: ClientRequest, response: IncomingMessage];
}

/** Events of the EventTarget half. */
export interface WebSocketEventMap {
  open: Event;
  message: MessageEvent;
  close: CloseEvent;
  error: ErrorEvent;
}

/** A listener of the EventTarget half. */
export type EventHandler<E extends keyof WebSocketEventMap> =
  | ((event: WebSocketEventMap[E]) => void)
  | { handleEvent(event: WebSocketEventMap[E]): void };
