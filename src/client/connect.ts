import type { Connection } from '../connection/connection.ts';
import { MisuseError } from '../protocol/errors.ts';
import { defaultEngine, type Engine } from '../engine/engine.ts';
import { checkClientArguments } from '../options/client-call-check.ts';
import type { ConnectOptions, ResolvedConnectOptions } from '../options/connect-options.ts';
import { Connecting, type ConnectOutcome } from './connecting.ts';
import type { Destination } from '../protocol/handshake/destination.ts';
import { RecentDestination } from './recent-destination.ts';
import { resolveConnectOptions } from '../options/resolve-connect-options.ts';

/**
 * The client's end of a connection, of the same class as the server's. Topics exist only on the server: `subscribe`,
 * `unsubscribe` and `publish` throw `MisuseError` `ERR_STATE`. The client masks every frame with a fresh key (§5.3). After the
 * closing handshake the server has `closeTimeoutMs` to end TCP (§7.1.1).
 * @typeParam UserData The type of `connection.data`; `undefined` until you set it.
 */
export type ClientConnection<UserData = unknown> = Connection<UserData>;

/**
 * Connects to a WebSocket server (§4.1).
 * @param url `ws:` or `wss:`, or their synonyms `http:` and `https:`; `ws+unix:/path/to.sock:/path?query` for a Unix socket.
 *   The client sends user and password as Basic authentication (RFC 7617). No fragment.
 * @param options See {@link ConnectOptions}.
 * @returns The open connection. Messages of the server are buffered until the first listener or loop is attached.
 * @throws ConnectError As a rejection, with `code`, `phase`, and the parts of an answer that arrived. MisuseError `ERR_OPTION`
 *   for an invalid option, `ERR_ARGUMENT` for a surplus argument; the reason of `signal` if it was aborted.
 */
export function connect<UserData = unknown>(
  url: string | URL,
  options?: ConnectOptions,
): Promise<ClientConnection<UserData>>;
export function connect<UserData = unknown>(
  ...given: [url: string | URL, options?: ConnectOptions]
): Promise<ClientConnection<UserData>> {
  return connectWith<UserData>(defaultEngine, given);
}

/** {@link connect} with the shared parts of `engine`. @param given The arguments of the call. */
export function connectWith<UserData>(
  engine: Engine,
  given: readonly [url: string | URL, options?: ConnectOptions],
): Promise<ClientConnection<UserData>> {
  return new Promise((resolve, reject) => {
    // A throw in here rejects the promise.
    checkClientArguments('connect', given);
    const [url, options] = given;
    beginConnecting(engine, url, resolveConnectOptions(options, engine), { resolve, reject });
  });
}

/**
 * Starts to connect, with checked options.
 * @throws ConnectError `ERR_URL`. MisuseError `ERR_OPTION` for options that do not fit the URL.
 */
export function beginConnecting<UserData>(
  engine: Engine,
  url: string | URL,
  settings: ResolvedConnectOptions,
  outcome: ConnectOutcome<UserData>,
): void {
  const { headers, tls, socket } = settings;
  let destination: Destination;
  try {
    destination = engine.part(RecentDestination).of(url);
    refuseForUrl(destination, settings);
  } catch (error) {
    socket?.destroy();
    throw error;
  }
  new Connecting<UserData>(
    { destination, url: String(url), headers, tls },
    settings,
    engine,
    outcome,
  ).start();
}

/** @throws MisuseError `ERR_OPTION` for options that do not fit the URL. */
function refuseForUrl(destination: Destination, { headers, proxy }: ResolvedConnectOptions): void {
  if (
    destination.authorization !== undefined &&
    headers.some(([name]) => name.toLowerCase() === 'authorization')
  ) {
    throw new MisuseError(
      'ERR_OPTION',
      'headers contains Authorization and the URL contains a user and password; use one of them',
    );
  }
  if (proxy !== undefined && 'path' in destination.address) {
    throw new MisuseError(
      'ERR_OPTION',
      'proxy cannot be used with a ws+unix: URL, because no proxy reaches a Unix socket of this machine; remove proxy',
    );
  }
}
