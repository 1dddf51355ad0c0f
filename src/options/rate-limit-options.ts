import type { Connection } from '../connection/connection.ts';
import { isSendableCode } from '../protocol/close.ts';
import type { Role } from '../protocol/constants.ts';
import { RATE_LIMIT_TABLE } from './connection-option-table.ts';
import type { RateLimitOptions } from './connection-options.ts';
import type { RateLimit } from './connection-settings.ts';
import { checkedOption, checkedRecord, refuseOption } from './option-check.ts';
import { plain } from './option-rules.ts';

/** Rate limits of the connections of a server. */
export interface ServerRateLimitOptions<UserData = unknown> extends RateLimitOptions {
  /**
   * Names what a connection belongs to, such as its user or tenant: a string of 1 to 256 characters. All connections of this
   * server with the same key together may send as fast as one connection, and the connection that exceeds a rate is throttled or
   * closed. `undefined`: the connection has limits of its own. Called once for each connection, when its first bytes after the
   * handshake have arrived; `connection.data` is set then. If it throws or returns anything else, the connection closes with 1011,
   * cause `handler-error`, and the `error` event has the cause. Limits of a key outlast its last connection until they are full again.
   * Default: none.
   */
  readonly key?: ((connection: Connection<UserData>) => string | undefined) | undefined;
}

/** The options inside `rateLimit` of a server. */
export const SERVER_RATE_LIMIT_TABLE = Object.freeze({
  ...RATE_LIMIT_TABLE,
  key: plain('function', 'names the user or tenant whose connections share the limits'),
} satisfies Readonly<Record<keyof ServerRateLimitOptions, unknown>>);

/** Defaults inside `rateLimit`: no rate, and bursts of twice the rate. */
export const DEFAULT_RATE_LIMIT = Object.freeze({ action: 'close', closeCode: 1008 } as const);

/**
 * Checks the option `rateLimit` and fills in the bursts.
 * @param role Decides which close codes may be sent.
 * @throws MisuseError `ERR_OPTION`.
 */
export function resolveRateLimit(name: string, value: unknown, role: Role): false | RateLimit {
  if (value === false) return value;
  if (typeof value !== 'object' || value === null) {
    refuseOption(name, value, 'false, or an object with messagesPerSecond, bytesPerSecond or both');
  }
  const given = checkedRecord(
    name,
    value,
    role === 'server' ? SERVER_RATE_LIMIT_TABLE : RATE_LIMIT_TABLE,
    checkedOption,
  ) as ServerRateLimitOptions<never>;
  const {
    messagesPerSecond,
    bytesPerSecond,
    action = DEFAULT_RATE_LIMIT.action,
    closeCode = DEFAULT_RATE_LIMIT.closeCode,
  } = given;
  if (messagesPerSecond === undefined && bytesPerSecond === undefined) {
    refuseOption(name, value, 'false, or an object with messagesPerSecond, bytesPerSecond or both');
  }
  if (!isSendableCode(closeCode, role)) {
    refuseOption(
      `${name}.closeCode`,
      closeCode,
      `a code that a ${role} may send: 1000 to 1003, 1007 to ${role === 'client' ? '1014' : '1009, 1011 to 1014'} or 3000 to 4999`,
    );
  }
  return Object.freeze({
    messagesPerSecond,
    burstMessages: resolveBurst(
      name,
      'burstMessages',
      given.burstMessages,
      'messagesPerSecond',
      messagesPerSecond,
    ),
    bytesPerSecond,
    burstBytes: resolveBurst(name, 'burstBytes', given.burstBytes, 'bytesPerSecond', bytesPerSecond),
    action,
    closeCode,
    key: given.key,
  });
}

/** A burst without a rate has no effect, so it is refused as a mistake. */
function resolveBurst(
  name: string,
  burstName: string,
  burst: number | undefined,
  rateName: string,
  rate: number | undefined,
): number | undefined {
  if (rate !== undefined) return burst ?? 2 * rate;
  return burst === undefined
    ? undefined
    : refuseOption(`${name}.${burstName}`, burst, `left out without ${rateName}`);
}
