import { isIP } from 'node:net';
import { MisuseError } from '../protocol/errors.ts';
import { checkedRecord, refuseOption } from './option-check.ts';
import { type CommonRule, count, list, type ListRule, type PlainRule, plain } from './option-rules.ts';

/** A port of its own for operators: health, readiness, metrics, a live page and its data. Plain HTTP. */
export interface AdminOptions {
  /** 0 takes a free port. 0 to 65,535; required. */
  readonly port: number;
  /**
   * Address to listen on. Default `'127.0.0.1'`: only programs of this machine reach it. Any address that is not loopback
   * requires `token`.
   */
  readonly host?: string | undefined;
  /**
   * Secret that requests must carry as `Authorization: Bearer …`, except for `/healthz`, `/readyz` and the page itself,
   * which contains no data. 16 to 256 visible ASCII characters. Default: none.
   */
  readonly token?: string | undefined;
  /**
   * Host names, without port, that requests may name besides IP addresses, `localhost` and `host`; others get 403. It
   * refuses a foreign page that points its own name at this port (DNS rebinding). Default `[]`.
   */
  readonly allowedHosts?: readonly string[] | undefined;
  /** Whether operators may close connections, drain the server and capture frames. Default `false`: look only. */
  readonly actions?: boolean | undefined;
}

/** {@link AdminOptions} after checking, with defaults. */
export type AdminSettings = {
  readonly [Name in keyof Omit<AdminOptions, 'token'>]-?: Exclude<AdminOptions[Name], undefined>;
} & { readonly token: string | undefined };

/** The options inside `admin`. */
export const ADMIN_TABLE = Object.freeze({
  port: Object.freeze({ ...count(65_535, 'port to listen on; 0 takes a free port'), min: 0 }),
  host: plain('text', 'address to listen on; others than loopback require token'),
  token: plain('secret', 'secret that requests must carry: 16 to 256 visible ASCII characters'),
  allowedHosts: list(
    'host',
    {},
    'host names accepted in the Host header, besides IP addresses and localhost',
  ),
  actions: plain('boolean', 'allow closing connections, draining and capturing'),
} satisfies Readonly<
  Record<keyof AdminOptions, CommonRule | PlainRule<'text'> | PlainRule<'secret'> | ListRule<'host'>>
>);

export const DEFAULT_ADMIN = Object.freeze({
  host: '127.0.0.1',
  token: undefined,
  allowedHosts: Object.freeze([]),
  actions: false,
});

/** Whether only programs of this machine can reach an address to listen on. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));

/**
 * Checks the option `admin` and fills in its defaults.
 * @param check Checks one member against its row.
 * @throws MisuseError `ERR_OPTION`.
 */
export function resolveAdmin<Rule>(
  name: string,
  value: unknown,
  table: Readonly<Record<string, Rule>>,
  check: (name: string, rule: Rule, value: unknown) => unknown,
): false | AdminSettings {
  if (value === false) return value;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    refuseOption(name, value, 'false, or an object with a port');
  const given = checkedRecord(name, value, table, check);
  if (given['port'] === undefined) refuseOption(`${name}.port`, undefined, 'a port, or 0 for a free one');
  const settings = Object.freeze({ port: 0, ...DEFAULT_ADMIN, ...given }) as AdminSettings;
  if (settings.token === undefined && !isLoopback(settings.host))
    refuseOption(
      `${name}.host`,
      settings.host,
      `a loopback address such as '127.0.0.1', unless ${name}.token is set`,
    );
  return settings;
}

/** @returns The secret. @throws MisuseError `ERR_OPTION`, without the value. */
export function checkedSecret(name: string, secret: unknown): string {
  if (typeof secret === 'string' && /^[\x21-\x7e]{16,256}$/.test(secret)) return secret;
  throw new MisuseError('ERR_OPTION', `${name} must be a string of 16 to 256 visible ASCII characters`);
}
