import { Warnings } from '../../../connection/warnings.ts';
import {
  BOOLEAN,
  callOptions,
  checkCallOptions,
  checkCount,
  wholeNumber,
} from '../../../options/call-check.ts';
import type { Engine } from '../../engine.ts';
import { linksOf, type RedisClient } from './clients.ts';
import { RedisEngine } from './engine.ts';
import { Keys } from './keys.ts';

/** Options of {@link redisEngine}. */
export interface RedisEngineOptions {
  /** A client of `ioredis` or of the package `redis`, versions 5 and 6. It stays the application's: the engine never closes it. */
  readonly client: RedisClient;
  /** Begins the name of every key and channel. 1 to 64 of A–Z, a–z, 0–9, `_`, `.`, `:` and `-`. Default `hawser`. */
  readonly prefix?: string;
  /**
   * Histories survive a restart of Redis. Set it only if Redis runs with `appendfsync always` *and* never fails over to a replica that
   * may lag: otherwise subscribers miss messages and are not told. Default false.
   */
  readonly trustPersistence?: boolean;
  /** Longest time of a command; then the engine opens new connections. 100 to 600,000 ms, default 5,000. */
  readonly deadlineMs?: number;
}

const OPTIONS = callOptions({
  client: { fits: () => true, allowed: 'a client of ioredis or redis' },
  prefix: {
    fits: (value) => typeof value === 'string' && /^[\w.:-]{1,64}$/.test(value),
    allowed: '1 to 64 letters, digits, _, ., : and -',
  },
  trustPersistence: BOOLEAN,
  deadlineMs: wholeNumber(100, 600_000),
});

/** Policies that never evict a key without expiry. What they evict begins a new epoch. */
const SAFE_POLICIES: readonly string[] = ['noeviction', 'volatile-ttl', ''];

/**
 * Joins servers through Redis 6.2 or later, or Valkey: topics have one order, history and presence on all nodes. One engine serves
 * one server.
 *
 * @example
 * new WebSocketServer({ cluster: redisEngine({ client: new Redis() }), history: { match: 'room:*' } });
 *
 * @throws MisuseError `ERR_OPTION` for an unknown option, a wrong value, or a client that is not of ioredis or redis.
 */
export function redisEngine(options: RedisEngineOptions): Engine {
  checkCount('redisEngine', arguments, 1);
  checkCallOptions('redisEngine', options ?? null, OPTIONS);
  const { client, prefix = 'hawser', trustPersistence = false, deadlineMs = 5_000 } = options;
  const warnings = new Warnings(undefined);
  return new RedisEngine({
    open: linksOf(client),
    keys: new Keys(prefix),
    trustPersistence,
    deadlineMs,
    evicts: (policy) => {
      if (SAFE_POLICIES.includes(policy)) return;
      warnings.mistake(
        'HAWSER_ENGINE',
        'eviction',
        `Redis has maxmemory-policy ${policy}: it may evict keys that recognise repeated batches, so that a message is stored twice; set noeviction or volatile-ttl`,
      );
    },
  });
}
