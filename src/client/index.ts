/**
 * `hawser/client`: a WebSocket client for Node (RFC 6455), without server code.
 *
 * @example
 * const connection = await connect('wss://example.com/chat', { protocols: ['chat'] });
 * connection.send('Hello');
 * for await (const message of connection) console.log(message);
 *
 * @module
 */
export type { CloseCause, CloseInfo } from '../protocol/close-info.ts';
export type { SendOptions } from '../options/call-options.ts';
export { Connection } from '../connection/connection.ts';
export type { ConnectionEvents, DroppedMessage, HandshakeResponse } from '../connection/connection-events.ts';
export type { PerMessageDeflateOptions, RateLimitOptions } from '../options/connection-options.ts';
export type { ListenerResult } from '../connection/owner.ts';
export { MemoryBudget } from '../engine/memory-budget.ts';
export type { ConnectionState } from '../connection/states.ts';
export { ConnectError, type ConnectPhase } from '../protocol/connect-error.ts';
export {
  type ConnectErrorCode,
  type ErrorCode,
  ERRORS,
  MisuseError,
  PeerError,
  TransportError,
  WebSocketError,
} from '../protocol/errors.ts';
export { Channel } from '../channels/channel.ts';
export type { ChannelCloseInfo, ChannelEvents, ChannelState } from '../channels/channel-events.ts';
export type { ChannelSendOptions, ChannelsOptions, OpenChannelOptions } from '../channels/channel-options.ts';
export type { ChannelsEvents } from '../channels/channels-events.ts';
export { Channels, channels, CHANNELS_PROTOCOL } from '../channels/channels.ts';
export type { StreamOptions, StreamSource } from '../options/stream-source.ts';
export { toDuplex } from '../streams/duplex.ts';
export { MessageStream } from '../streams/message-stream.ts';
export { messageStreams } from '../streams/message-streams.ts';
export type { DuplexOptions, WebStreamsOptions } from '../streams/stream-options.ts';
export { toWebStreams, type WebStreams } from '../streams/web-streams.ts';
export type { Message, Payload } from '../protocol/payload.ts';
export type { Clock } from '../engine/clock.ts';
export type { LogFields, Logger } from '../engine/logger.ts';
export type { RandomSource } from '../engine/random.ts';
export { type ClientConnection, connect } from './connect.ts';
export type {
  ClientTlsOptions,
  ConnectOptions,
  ConnectTarget,
  CreateConnection,
  RequestHeaders,
} from '../options/connect-options.ts';
export type { PlannedAttempt } from './reconnect/backoff.ts';
export type { UnsentMessage } from './reconnect/offline-queue.ts';
export type { EndInfo, ReconnectEvents, RetryInfo } from './reconnect/reconnect-events.ts';
export type { DownInfo, ReconnectOptions } from '../options/reconnect-options.ts';
export type { Asked, AttemptContext, OfflineQueueSettings } from '../options/retry-options.ts';
export type { ReconnectState } from './reconnect/reconnect-states.ts';
export { ReconnectingClient } from './reconnect/reconnecting-client.ts';
export { DEFAULT_CONNECT_OPTIONS } from '../options/resolve-connect-options.ts';
export { DEFAULT_RECONNECT_OPTIONS } from '../options/resolve-reconnect-options.ts';
export { ClientTopic, type TopicPublishOptions } from './topics/client-topic.ts';
export type { HandleOptions, TopicOptions } from './topics/client-topics.ts';
export type { RequestOptions } from '../options/topic-types.ts';
export { OperationError, type Outcome } from './topics/operation-error.ts';
export type { RequestHandler } from './topics/requests.ts';
export type { StandardResult, StandardSchema } from '../options/standard-schema.ts';
export type {
  Json,
  Member,
  Position,
  Presence,
  Published,
  TopicEvents,
  TopicMessage,
} from './topics/topic-events.ts';
export type { WebSocketOptions } from './websocket/arguments.ts';
export type { CloseEvent, ErrorEvent, MessageEvent, WebSocketEventMap } from './websocket/events.ts';
export { type ListenerOptions, WebSocket, type WebSocketListener } from './websocket/websocket.ts';
