/**
 * `hawser/browser`: a client for pages and workers that reconnects, with topics, presence and requests. It uses the browser's
 * `WebSocket` and nothing of Node.
 *
 * @example
 * const client = new ReconnectingClient('wss://app.example/', { protocols: ['hawser.v1'] });
 * for await (const message of client.topic('news')) console.log(message);
 *
 * @module
 */
export { ReconnectingClient } from './browser-client.ts';
export type {
  CloseInfo,
  DownInfo,
  EndInfo,
  Message,
  Payload,
  ReconnectEvents,
  RetryInfo,
} from './browser-events.ts';
export type { ReconnectOptions } from './browser-options.ts';
export type { PlannedAttempt } from '../reconnect/backoff.ts';
export type { UnsentMessage } from '../reconnect/offline-queue.ts';
export type { ReconnectState } from '../reconnect/reconnect-states.ts';
export type { Asked, AttemptContext, OfflineQueueSettings } from '../../options/retry-options.ts';
export type { StandardIssue, StandardResult, StandardSchema } from '../../options/standard-schema.ts';
export { MisuseError, type MisuseErrorCode } from '../../protocol/errors.ts';
export { ClientTopic, type TopicPublishOptions } from '../topics/client-topic.ts';
export type { HandleOptions, TopicOptions } from '../topics/client-topics.ts';
export type { RequestOptions } from '../../options/topic-types.ts';
export { OperationError, type Outcome } from '../topics/operation-error.ts';
export type { RequestHandler } from '../topics/requests.ts';
export type {
  Json,
  Member,
  Position,
  Presence,
  Published,
  TopicEvents,
  TopicMessage,
} from '../topics/topic-events.ts';
