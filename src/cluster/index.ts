/**
 * `hawser/cluster`: what joins the servers of a cluster. A server on its own needs none of it: options `history` and `presence`
 * use an in-process engine. An application that writes an engine implements {@link Engine}, reads and writes envelopes with
 * the functions of this module, and checks the engine with `engineContract` of `hawser/testing`.
 *
 * @module
 */
export type {
  ArrivalHeader,
  Batch,
  Channel,
  Engine,
  EngineHost,
  EngineLimits,
  HistoryLimits,
  HistoryRead,
  MembersRead,
  NodeEntry,
  Published,
  ServerControl,
} from './engine.ts';
export {
  type Envelope,
  envelopeBody,
  envelopeHeader,
  type EnvelopeKind,
  memberChange,
  readEnvelope,
  writeEnvelope,
} from './envelope.ts';
export { redisEngine, type RedisEngineOptions } from './engines/redis/redis-engine.ts';
export {
  reportToHub,
  type ReportedServer,
  workerEngine,
  type WorkerEngineOptions,
} from './engines/workers/worker-engine.ts';
export {
  startWorkers,
  type StartWorkersOptions,
  type WorkerExit,
  Workers,
  type WorkersEvents,
  type WorkerSnapshots,
  type WorkerState,
} from './engines/workers/start-workers.ts';
export { joinWorkers, workerMetrics } from './engines/workers/join-workers.ts';
export type { RedisClient } from './engines/redis/clients.ts';
export { natsEngine, type NatsEngineOptions } from './engines/nats/nats-engine.ts';
export type { NatsConnection } from './engines/nats/connection.ts';
export type { Position } from '../server/groups/topic.ts';
export type { Clock } from '../engine/clock.ts';
export type { RandomSource } from '../engine/random.ts';
export { EngineError, type EngineErrorCode } from '../protocol/errors.ts';
