import type { AddressInfo } from 'node:net';
import type { CloseInfo } from '../protocol/close-info.ts';
import type { Connection } from '../connection/connection.ts';
import { eventNames, type EventNames } from '../connection/event-names.ts';
import type { WebSocketError } from '../protocol/errors.ts';
import type { Message } from '../protocol/payload.ts';
import type { LoadAlert, PressureInfo } from '../observe/load-control/reading.ts';
import type { Refusal } from '../observe/observer.ts';
import type { UpgradeRequest } from '../options/hooks.ts';
import type { Member, MemberList } from './groups/topic-node.ts';
import type { ShutdownProgress } from './shutdown.ts';

/** Events of a server, with the arguments of their listeners. */
export interface ServerEvents<UserData> {
  /** The server listens. `address` is the path for a Unix socket or a named pipe. */
  listening: [address: AddressInfo | string];
  /** A handshake is complete, and the connection is open. `request` is the client's handshake. */
  connection: [connection: Connection<UserData>, request: UpgradeRequest];
  /**
   * A whole message of any connection. If a listener returns a promise, the next message of this connection waits until it
   * settles. Bytes of a binary message belong to the application.
   */
  message: [connection: Connection<UserData>, message: Message, isText: boolean];
  /** After `send` returned `false` because of the high-water mark: the buffer of the connection is at or below half of it. */
  drain: [connection: Connection<UserData>];
  /** A connection has ended. Emitted once for each connection, after its last message. */
  close: [connection: Connection<UserData>, info: CloseInfo];
  /**
   * A listener, hook or predicate of the application threw or rejected (`code` is `ERR_HANDLER`, `cause` the error); the
   * `upgrade` hook returned an unusable result (`ERR_UPGRADE_HOOK`, the message says which); or listening failed.
   */
  error: [error: WebSocketError | Error, connection?: Connection<UserData>];
  /** A handshake or a plain request was refused. `info.status` is 0 if no answer could be sent. */
  refused: [info: RefusedInfo];
  /** A connection subscribed to a topic that it did not have. */
  subscribe: [connection: Connection<UserData>, topic: string];
  /** A connection left a topic; also emitted for each of its topics when it ends. */
  unsubscribe: [connection: Connection<UserData>, topic: string];
  /** A member came to a topic that `server.watch` watches: its connections on all servers went from 0 to 1. */
  join: [topic: string, member: Member];
  /** A member left a watched topic: it had no connection for `graceMs`. */
  leave: [topic: string, member: Member];
  /**
   * A watched topic has more members than `maxMembers`: `list` has the count alone, and `join` and `leave` stop. Emitted again
   * when the count changes, and with the members when there are few enough.
   */
  members: [topic: string, list: MemberList];
  /** The engine can be used again. `downMs`: whole ms. `gaps`: topics that lack messages for good. */
  engineUp: [info: { readonly downMs: number; readonly gaps: number }];
  /** The engine cannot be used. Emitted once until `engineUp`. */
  engineDown: [error: Error];
  /** The level of load control has changed. */
  pressure: [info: PressureInfo];
  /** Load control has raised an alert, or cleared it. */
  alert: [alert: LoadAlert];
  /**
   * During a shutdown: at once, then every second, and once at the end, when `open` is 0. Not emitted if no connection was
   * open.
   */
  shutdownProgress: [progress: ShutdownProgress];
  /** The shutdown is complete: no connection is left. */
  closed: [];
}

/** A refused handshake or plain request. */
export type RefusedInfo = Pick<Refusal, 'status' | 'code' | 'remoteAddress' | 'url'>;

export const SERVER_EVENTS: EventNames = eventNames<ServerEvents<unknown>>(
  'a server',
  {
    listening: true,
    connection: true,
    message: true,
    drain: true,
    close: true,
    error: true,
    refused: true,
    subscribe: true,
    unsubscribe: true,
    join: true,
    leave: true,
    members: true,
    engineUp: true,
    engineDown: true,
    pressure: true,
    alert: true,
    shutdownProgress: true,
    closed: true,
  },
  {
    connect: "listen to 'connection'",
    open: "listen to 'connection'",
    disconnect: "listen to 'close', which is about one connection",
    upgrade: 'it is an option: new WebSocketServer({ upgrade })',
    request: 'it is an option: new WebSocketServer({ request })',
    requestHead: 'it is an option: new WebSocketServer({ requestHead })',
    headers: 'return { headers } from the upgrade hook',
    wsClientError: "listen to 'refused'",
    clientError: "listen to 'refused'",
    connection_error: "listen to 'refused'",
  },
);
