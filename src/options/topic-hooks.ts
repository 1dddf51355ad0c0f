import type { Connection } from '../connection/connection.ts';
import type { Message } from '../protocol/payload.ts';
import type { Awaitable } from './hooks.ts';

/** What `authorizeSubscribe` may set for an accepted subscription. */
export interface SubscribeAcceptance {
  /** The connection becomes a member of the topic, until the subscription ends. Needs a rule of the option `presence`. */
  readonly presence?:
    | {
        /** Connections with one key are one member, such as the connections of one user. Default: the id of the connection. */
        readonly key?: string | undefined;
        /** JSON value that others see; at most 1 KiB as text. Default: none. */
        readonly info?: unknown;
      }
    | undefined;
}

/**
 * Decides about a subscription. `true`, or an object with known keys, accepts. Anything else refuses; if it is not `false`,
 * the `error` event names it. Refuses, too, if it throws, or takes longer than `upgradeTimeoutMs`.
 */
export type AuthorizeSubscribe<UserData> = (
  connection: Connection<UserData>,
  topic: string,
) => Awaitable<boolean | SubscribeAcceptance>;

/**
 * Decides about a message that a client publishes. Only `true` accepts. Anything else refuses; if it is not `false`, the
 * `error` event names it. Refuses, too, if it throws, or takes longer than `upgradeTimeoutMs`.
 * @param message The data of the message. Bytes belong to the server: do not change them.
 */
export type AuthorizePublish<UserData> = (
  connection: Connection<UserData>,
  topic: string,
  message: Message,
) => Awaitable<boolean>;
