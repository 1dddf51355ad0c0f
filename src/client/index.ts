/**
 * `hawser/client`: a WebSocket client for Node (RFC 6455), without a line of server code.
 *
 * @example
 * const connection = await connect('wss://example.com/chat', { protocols: ['chat'] });
 * connection.send('Hello');
 * for await (const message of connection) console.log(message);
 *
 * @module
 */
export type { CloseCause, CloseInfo } from '../connection/close-info.ts';
export { Connection } from '../connection/connection.ts';
export type { ConnectionEvents, DroppedMessage, HandshakeResponse } from '../connection/connection-events.ts';
export type { PerMessageDeflateOptions, RateLimitOptions } from '../connection/connection-options.ts';
export type { ListenerResult, SendOptions } from '../connection/host.ts';
export { MemoryBudget } from '../connection/memory-budget.ts';
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
export type { Message, Payload } from '../protocol/payload.ts';
export type { Clock } from '../transport/clock.ts';
export type { Logger } from '../transport/logger.ts';
export type { RandomSource } from '../transport/random.ts';
export { type ClientConnection, connect } from './connect.ts';
export type {
  ClientTlsOptions,
  ConnectOptions,
  ConnectTarget,
  CreateConnection,
  RequestHeaders,
} from './connect-options.ts';
export type { PlannedAttempt } from './backoff.ts';
export type { OfflineQueueSettings, UnsentMessage } from './offline-queue.ts';
export type { EndInfo, ReconnectEvents, RetryInfo } from './reconnect-events.ts';
export type { Asked, AttemptContext, DownInfo, ReconnectOptions } from './reconnect-options.ts';
export type { ReconnectState } from './reconnect-states.ts';
export { ReconnectingClient } from './reconnecting-client.ts';
export { DEFAULT_CONNECT_OPTIONS } from './resolve-connect-options.ts';
export { DEFAULT_RECONNECT_OPTIONS } from './resolve-reconnect-options.ts';
