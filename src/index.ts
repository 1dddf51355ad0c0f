export { type ClientConnection, connect } from './client/connect.ts';
export type {
  ClientTlsOptions,
  ConnectOptions,
  ConnectTarget,
  CreateConnection,
  RequestHeaders,
} from './client/connect-options.ts';
export type { PlannedAttempt } from './client/backoff.ts';
export type { OfflineQueueSettings, UnsentMessage } from './client/offline-queue.ts';
export type { EndInfo, ReconnectEvents, RetryInfo } from './client/reconnect-events.ts';
export type { Asked, AttemptContext, DownInfo, ReconnectOptions } from './client/reconnect-options.ts';
export type { ReconnectState } from './client/reconnect-states.ts';
export { ReconnectingClient } from './client/reconnecting-client.ts';
export { DEFAULT_CONNECT_OPTIONS } from './client/resolve-connect-options.ts';
export { DEFAULT_RECONNECT_OPTIONS } from './client/resolve-reconnect-options.ts';
export type { CloseCause, CloseInfo } from './connection/close-info.ts';
export { Connection } from './connection/connection.ts';
export type { ConnectionEvents, DroppedMessage, HandshakeResponse } from './connection/connection-events.ts';
export type { PerMessageDeflateOptions, RateLimitOptions } from './connection/connection-options.ts';
export type { Delivery, ListenerResult, PublishDelivery, SendOptions } from './connection/host.ts';
export { MemoryBudget } from './connection/memory-budget.ts';
export type { ConnectionState } from './connection/states.ts';
export { ConnectError, type ConnectPhase } from './protocol/connect-error.ts';
export {
  type ConnectErrorCode,
  type ErrorCode,
  ERRORS,
  HandshakeError,
  MisuseError,
  PeerError,
  TransportError,
  WebSocketError,
} from './protocol/errors.ts';
export type { Message, Payload } from './protocol/payload.ts';
export type { BroadcastOptions } from './server/broadcast.ts';
export {
  type ClientCertificate,
  type HttpRequest,
  type RefuseOptions,
  type RequestHook,
  type ResponseLike,
  refuse,
  type UpgradeAcceptance,
  type UpgradeContext,
  type UpgradeDecision,
  type UpgradeHook,
  type UpgradeRequest,
} from './server/hooks.ts';
export type { ListenOptions } from './server/listener.ts';
export { DEFAULT_SERVER_OPTIONS, type ServerOptions } from './server/options.ts';
export type { AllowedOrigins } from './server/origin.ts';
export type { ReadonlyRegistry } from './server/registry.ts';
export { timingSafeEqualText } from './server/secrets.ts';
export type { RefusedInfo, ServerEvents } from './server/server-events.ts';
export type { ShutdownOptions, ShutdownProgress, ShutdownReport } from './server/shutdown.ts';
export type { ServerStats } from './server/stats.ts';
export type { TlsCredentials, TlsOptions } from './server/tls-options.ts';
export type { Topics } from './server/topics.ts';
export type { TrustProxy } from './server/trust-proxy.ts';
export { type PublishOptions, WebSocketServer } from './server/websocket-server.ts';
export type { Clock } from './transport/clock.ts';
export type { Logger } from './transport/logger.ts';
export type { RandomSource } from './transport/random.ts';
