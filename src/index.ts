/**
 * `hawser`: a WebSocket server and a client for Node (RFC 6455, RFC 7692), with topics, channels and streams.
 *
 * @example
 * const server = new WebSocketServer({ allowedOrigins: ['https://app.example'] });
 * server.on('message', (connection, message) => void connection.send(message));
 * await server.listen(8080);
 *
 * @module
 */
export type { TrustProxy } from './options/server-options.ts';
export type { AllowedOrigins } from './options/origins.ts';
export type { ListenOptions } from './options/server-call-check.ts';
export type { AttachableServer } from './server/opening/attached.ts';
export { type RefuseOptions, refuse } from './server/opening/refuse.ts';
export type { SendOptions } from './options/call-options.ts';
export { type ClientConnection, connect } from './client/connect.ts';
export type {
  ClientTlsOptions,
  ConnectOptions,
  ConnectTarget,
  CreateConnection,
  RequestHeaders,
} from './options/connect-options.ts';
export type { PlannedAttempt } from './client/reconnect/backoff.ts';
export type { UnsentMessage } from './client/reconnect/offline-queue.ts';
export type { EndInfo, ReconnectEvents, RetryInfo } from './client/reconnect/reconnect-events.ts';
export type { DownInfo, ReconnectOptions } from './options/reconnect-options.ts';
export type { Asked, AttemptContext, OfflineQueueSettings } from './options/retry-options.ts';
export type { ReconnectState } from './client/reconnect/reconnect-states.ts';
export { ReconnectingClient } from './client/reconnect/reconnecting-client.ts';
export { DEFAULT_CONNECT_OPTIONS } from './options/resolve-connect-options.ts';
export { DEFAULT_RECONNECT_OPTIONS } from './options/resolve-reconnect-options.ts';
export type { CloseCause, CloseInfo } from './protocol/close-info.ts';
export { Connection } from './connection/connection.ts';
export type { ConnectionEvents, DroppedMessage, HandshakeResponse } from './connection/connection-events.ts';
export type { PerMessageDeflateOptions, RateLimitOptions } from './options/connection-options.ts';
export type { ServerRateLimitOptions } from './options/rate-limit-options.ts';
export type { Delivery, ListenerResult, PublishDelivery, Relayed } from './connection/owner.ts';
export { MemoryBudget } from './engine/memory-budget.ts';
export type { ConnectionState } from './connection/states.ts';
export { ConnectError, type ConnectPhase } from './protocol/connect-error.ts';
export {
  type ConnectErrorCode,
  EngineError,
  type EngineErrorCode,
  type ErrorCode,
  ERRORS,
  HandshakeError,
  MisuseError,
  PeerError,
  TransportError,
  WebSocketError,
} from './protocol/errors.ts';
export { CircuitBreaker } from './breaker/circuit-breaker.ts';
export type { BreakerState } from './breaker/breaker-core.ts';
export type { CircuitBreakerEvents } from './breaker/breaker-driver.ts';
export { CircuitBreakerError, type CircuitBreakerErrorCode } from './breaker/breaker-error.ts';
export type { CircuitBreakerOptions } from './breaker/breaker-options.ts';
export { Channel } from './channels/channel.ts';
export type { ChannelCloseInfo, ChannelEvents, ChannelState } from './channels/channel-events.ts';
export type { ChannelSendOptions, ChannelsOptions, OpenChannelOptions } from './channels/channel-options.ts';
export type { ChannelsEvents } from './channels/channels-events.ts';
export { Channels, channels, CHANNELS_PROTOCOL } from './channels/channels.ts';
export type { StreamOptions, StreamSource } from './options/stream-source.ts';
export { toDuplex } from './streams/duplex.ts';
export { MessageStream } from './streams/message-stream.ts';
export { messageStreams } from './streams/message-streams.ts';
export type { DuplexOptions, WebStreamsOptions } from './streams/stream-options.ts';
export { toWebStreams, type WebStreams } from './streams/web-streams.ts';
export type { Message, Payload } from './protocol/payload.ts';
export type { BroadcastOptions } from './server/groups/broadcast.ts';
export {
  type ClientCertificate,
  type HttpRequest,
  type HttpRequestHead,
  type RequestHeadHook,
  type RequestHook,
  type ResponseLike,
  type UpgradeAcceptance,
  type UpgradeContext,
  type UpgradeDecision,
  type UpgradeHook,
  type UpgradeRequest,
} from './options/hooks.ts';
export {
  checkServerOption,
  describeServerOptions,
  type OptionDescription,
} from './options/option-descriptions.ts';
export type {
  AlertOptions,
  BreakerOptions,
  LoadControlOptions,
  LoadThresholds,
} from './options/load-control-options.ts';
export type { LoadLevel } from './observe/load-control/level.ts';
export type {
  AlertName,
  LoadAlert,
  LoadSample,
  LoadStats,
  PressureInfo,
} from './observe/load-control/reading.ts';
export type { LoadProbe, LoadSignalName, LoadSignals } from './observe/load-control/signals.ts';
export type { Priority } from './options/priority.ts';
export type { MetricsOptions } from './options/metrics-options.ts';
export type { ViolationLimitOptions } from './options/violation-options.ts';
export { DEFAULT_SERVER_OPTIONS, type ServerOptions } from './options/resolve-server-options.ts';
export type { OptionChange, RunTimeOptionName, RunTimeOptions } from './options/run-time-options.ts';
export type { ReadonlyRegistry } from './server/groups/registry.ts';
export type { AdminOptions } from './options/admin-options.ts';
export type { EndpointOptions } from './options/endpoint-options.ts';
export type { ShownWorker, ShownWorkers } from './observe/admin/workers-subject.ts';
export { workersAdmin, type WorkersAdmin, type WorkersAdminOptions } from './server/workers-admin.ts';
export { timingSafeEqualText } from './options/secrets.ts';
export type { RefusedInfo, ServerEvents } from './server/server-events.ts';
export type { Readiness, ReadyReason } from './server/readiness.ts';
export type { ShutdownOptions, ShutdownProgress, ShutdownReport } from './server/shutdown.ts';
export type { SelfCheckReport, StaleEntry } from './server/stale-entry.ts';
export type { ServerStats } from './server/stats.ts';
export type { TlsCredentials, TlsFileOptions, TlsOptions } from './options/tls-options.ts';
export type { Topics } from './server/groups/topics.ts';
export type { HandleOptions, RequestHandler } from './server/groups/request-handlers.ts';
export type { Member, MemberList } from './server/groups/topic-node.ts';
export type {
  ClusterAnswer,
  ClusterCallOptions,
  ClusterStats,
  ClusterTotals,
  NodeInfo,
  NodeStats,
} from './server/groups/cluster-calls.ts';
export type { ServerCluster } from './server/groups/server-cluster.ts';
export { RequestError, type RequestErrorCode } from './connection/request-error.ts';
export type { StandardIssue, StandardResult, StandardSchema } from './options/standard-schema.ts';
export type {
  EnterOptions,
  Position,
  RequestOptions,
  SubscribedFrom,
  SubscribeFromOptions,
} from './options/topic-calls.ts';
export type { AuthorizePublish, AuthorizeSubscribe, SubscribeAcceptance } from './options/topic-hooks.ts';
export type { HistoryRule, PresenceRule, TopicMatch } from './options/topic-options.ts';
export type { PublishOptions, TopicServer } from './server/topic-server.ts';
export { WebSocketServer } from './server/websocket-server.ts';
export type { Clock } from './engine/clock.ts';
export type { LogFields, Logger } from './engine/logger.ts';
export type { RandomSource } from './engine/random.ts';
