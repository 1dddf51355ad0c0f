import { channel, type Channel, tracingChannel } from 'node:diagnostics_channel';
import { runAround } from './run-around.ts';

/**
 * Names of the channels of `node:diagnostics_channel` to which Hawser publishes. `handshake` and `handler` are names for
 * `tracingChannel`, the others for `channel`.
 */
export const CHANNELS = Object.freeze({
  handshake: 'hawser:handshake',
  handler: 'hawser:handler',
  connectionOpen: 'hawser:connection:open',
  connectionDrain: 'hawser:connection:drain',
  connectionClose: 'hawser:connection:close',
  messageReceive: 'hawser:message:receive',
  messageSend: 'hawser:message:send',
  topicPublish: 'hawser:topic:publish',
  loadLevel: 'hawser:load:level',
  loadShed: 'hawser:load:shed',
} as const);

// Node has one channel object for each name in a process. V8 reads `hasSubscribers` of a constant channel without a load.

export const CONNECTION_OPEN = channel(CHANNELS.connectionOpen);
export const CONNECTION_DRAIN = channel(CHANNELS.connectionDrain);
export const CONNECTION_CLOSE = channel(CHANNELS.connectionClose);
export const MESSAGE_RECEIVE = channel(CHANNELS.messageReceive);
export const MESSAGE_SEND = channel(CHANNELS.messageSend);
export const TOPIC_PUBLISH = channel(CHANNELS.topicPublish);
export const LOAD_LEVEL = channel(CHANNELS.loadLevel);
export const LOAD_SHED = channel(CHANNELS.loadShed);
export const HANDSHAKE = tracingChannel(CHANNELS.handshake);
export const HANDLER = tracingChannel(CHANNELS.handler);

/** Node publishes each socket of TCP that connects. */
export const NODE_SOCKET = channel('net.client.socket');

// Not `hasSubscribers` of the tracing channel: Bun has none.

/** Whether a channel of {@link HANDSHAKE} has a subscriber or a store. */
export const isHandshakeTraced = (): boolean =>
  HANDSHAKE.start.hasSubscribers ||
  HANDSHAKE.end.hasSubscribers ||
  HANDSHAKE.asyncStart.hasSubscribers ||
  HANDSHAKE.asyncEnd.hasSubscribers ||
  HANDSHAKE.error.hasSubscribers;

/** Whether a channel of {@link HANDLER} has a subscriber or a store. */
export const isHandlerTraced = (): boolean =>
  HANDLER.start.hasSubscribers ||
  HANDLER.end.hasSubscribers ||
  HANDLER.asyncStart.hasSubscribers ||
  HANDLER.asyncEnd.hasSubscribers ||
  HANDLER.error.hasSubscribers;

/** Shows it as Node shows what a subscriber throws: as an uncaught exception. */
const showUncaught = (error: unknown): void =>
  queueMicrotask(() => {
    throw error;
  });

/**
 * Publishes `payload` on the channel, and calls `step` once in the stores that are bound to the channel. Subscribers and stores
 * that throw do not stop it.
 * @throws What `step` throws.
 */
export function runInStores(start: Channel, payload: object, step: () => void): void {
  runAround((once) => start.runStores(payload, once), step, showUncaught);
}
