import { MisuseError } from '../../../protocol/errors.ts';
import { shown } from '../../../options/option-check.ts';
import { type Ioredis, IoredisLink } from './ioredis.ts';
import type { RedisLink, RedisLinkOwner } from './link.ts';
import { type NodeRedis, NodeRedisLink } from './node-redis.ts';

/**
 * A client of `ioredis` (`new Redis(…)`) or of the package `redis` (`createClient(…)`), versions 5 and 6. The engine duplicates it
 * and never closes it. It need not be connected.
 */
export interface RedisClient {
  /** Makes a client with the same settings. */
  duplicate(overrides?: object): object;
  /** Connects the client. */
  connect(): Promise<unknown>;
}

/** Opens a connection of the engine. */
export type OpenLink = (connectTimeoutMs: number, owner: RedisLinkOwner) => RedisLink;

const has = (value: unknown, ...methods: readonly string[]): boolean =>
  typeof value === 'object' &&
  value !== null &&
  methods.every((method) => typeof Reflect.get(value, method) === 'function');

const refuse = (problem: string): never => {
  throw new MisuseError('ERR_OPTION', `redisEngine: ${problem}`);
};

/**
 * Tells the libraries apart by their members. None of them is imported.
 * @throws MisuseError `ERR_OPTION` for everything else, and for clients of Redis Cluster and pools.
 */
export function linksOf(client: unknown): OpenLink {
  if (has(client, 'duplicate', 'psubscribe', 'pipeline')) {
    const redis = client as Ioredis & { readonly isCluster?: boolean };
    if (redis.isCluster === true) return refuseCluster();
    if (!has(client, 'callBuffer', 'connect', 'disconnect'))
      return refuse('client is of an old version of ioredis; install ioredis 5 or 6');
    return (timeoutMs, owner) => new IoredisLink(redis, timeoutMs, owner);
  }
  if (has(client, 'duplicate', 'pSubscribe', 'sendCommand')) {
    if ('masters' in (client as object) || 'slots' in (client as object)) return refuseCluster();
    if (has(client, 'getMasterNode') || has(client, 'acquire'))
      return refuse(
        'client is a sentinel of the package redis; for Sentinel, pass a client of ioredis with the option sentinels',
      );
    if (!has(client, 'withTypeMapping', 'destroy'))
      return refuse('client is of an old version of the package redis; install redis 5 or 6');
    return (timeoutMs, owner) => new NodeRedisLink(client as NodeRedis, timeoutMs, owner);
  }
  return refuse(
    `client is ${shown(client)}; it must be a client of ioredis 5 or 6 (new Redis(…)), or of the package redis 5 or 6 (createClient(…))`,
  );
}

const refuseCluster = (): never =>
  refuse(
    'client is a client of Redis Cluster, which is not supported; pass a client of one server, or of a Sentinel through ioredis',
  );
