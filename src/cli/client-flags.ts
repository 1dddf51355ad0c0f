import type { ClientTlsOptions, ConnectOptions } from '../client/connect-options.ts';
import { readProxy } from '../client/read-proxy.ts';
import { isFieldValue, isToken } from '../protocol/handshake/fields.ts';
import { type CommandIo, UsageError } from './command.ts';
import { textOfFile } from './files.ts';
import { type Flag, type FlagValues, listOf, textOf, wholeNumberOf } from './flags.ts';

const MAX_MS = 2 ** 31 - 1;

/** Whom to connect to, and as whom: flags of every command that connects (CM-03). */
export const PEER_FLAGS: readonly Flag[] = [
  {
    name: 'header',
    short: 'H',
    value: '<name: value>',
    repeatable: true,
    says: 'a header of the handshake, as in -H "Cookie: session=1"',
  },
  {
    name: 'protocol',
    value: '<name>',
    repeatable: true,
    says: 'a subprotocol to offer, the preferred first',
  },
  { name: 'origin', value: '<origin>', says: 'Origin to send, as a browser would' },
  { name: 'auth', value: '<user:password>', says: 'credentials of Basic authentication' },
  { name: 'ca', value: '<file>', says: 'certificates to trust instead of the usual ones, as PEM' },
  { name: 'cert', value: '<file>', says: 'our own certificate, as PEM; goes with --key' },
  { name: 'key', value: '<file>', says: 'its private key, as PEM' },
  { name: 'insecure', says: 'accept whatever certificate the server shows: anybody may be in between' },
];

/** The proxy to connect through. The environment is not read: a test tool does what its command line says. */
export const PROXY_FLAG: Flag = {
  name: 'proxy',
  value: '<url>',
  says: 'connect through this HTTP proxy, http://user:password@host:port or https://…; HTTPS_PROXY and the like are not read',
};

/** Flags of commands that talk: {@link PEER_FLAGS}, and how the connection behaves. */
export const CLIENT_FLAGS: readonly Flag[] = [
  ...PEER_FLAGS,
  PROXY_FLAG,
  { name: 'max-redirects', value: '<n>', says: 'redirects to follow', default: '0' },
  { name: 'compress', says: 'offer permessage-deflate (RFC 7692), and compress what is worth it' },
  { name: 'timeout-ms', value: '<ms>', says: 'time for connecting, all phases together', default: '10,000' },
  { name: 'max-message-bytes', value: '<bytes>', says: 'largest message to accept', default: '1,048,576' },
  {
    name: 'ping-interval-ms',
    value: '<ms>',
    says: "time between pings of ours, or 'off' for none",
    default: '30,000',
  },
];

const SCHEME = /^(?:[a-z][a-z\d+.-]*:\/\/|ws\+unix:)/i;

/** The URL that was meant: without a scheme it is ws. */
export function urlOf(text: string): string {
  return SCHEME.test(text) ? text : `ws://${text}`;
}

/**
 * The options of {@link CLIENT_FLAGS}.
 * @throws UsageError naming the flag, its value, and what is allowed; CommandError for a file that cannot be read.
 */
export function clientOptionsOf(flags: FlagValues, io: Pick<CommandIo, 'err'>): ConnectOptions {
  const origin = textOf(flags, 'origin');
  warnIfInsecure(flags, io);
  return {
    headers: headersOf(flags),
    protocols: protocolsOf(flags),
    ...(origin === undefined ? {} : { origin }),
    tls: tlsOf(flags),
    ...proxyOf(flags),
    maxRedirects: wholeNumberOf(flags, 'max-redirects', 0, 0, 20),
    connectTimeoutMs: wholeNumberOf(flags, 'timeout-ms', 10_000, 1, MAX_MS),
    maxMessageBytes: wholeNumberOf(flags, 'max-message-bytes', 1_048_576, 1, 536_870_888),
    perMessageDeflate: flags.has('compress'),
    ...heartbeatOf(flags),
    // A person, or a pipe, may be silent for as long as it likes.
    idleTimeoutMs: false,
  };
}

/**
 * What --proxy says; --ca and --insecure hold for an https: proxy, too.
 * @throws UsageError for a URL of no HTTP proxy. The URL stays out of the message: a password may be in it.
 */
export function proxyOf(flags: FlagValues): Pick<ConnectOptions, 'proxy' | 'proxyTls'> {
  const proxy = textOf(flags, 'proxy');
  if (proxy === undefined) return {};
  try {
    const { secure } = readProxy('--proxy', proxy);
    const { ca, rejectUnauthorized } = tlsOf(flags);
    return { proxy, ...(secure ? { proxyTls: { ca, rejectUnauthorized } } : {}) };
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function heartbeatOf(flags: FlagValues): ConnectOptions {
  if (textOf(flags, 'ping-interval-ms') === 'off') return { heartbeat: false };
  const pingIntervalMs = wholeNumberOf(flags, 'ping-interval-ms', 30_000, 2, MAX_MS);
  // The pong timeout has to stay below the interval.
  return { pingIntervalMs, pongTimeoutMs: Math.min(10_000, pingIntervalMs - 1) };
}

/**
 * What --header and --auth say.
 * @throws UsageError for what is no header, or no user and password.
 */
export function headersOf(flags: FlagValues): [name: string, value: string][] {
  const headers = listOf(flags, 'header').map(headerOf);
  const auth = textOf(flags, 'auth');
  if (auth === undefined) return headers;
  if (!auth.includes(':')) {
    throw new UsageError(`--auth is '${auth}'; it must be a user and a password with a colon between`);
  }
  return [...headers, ['Authorization', `Basic ${Buffer.from(auth, 'utf8').toString('base64')}`]];
}

export const protocolsOf = (flags: FlagValues): readonly string[] => listOf(flags, 'protocol');

/**
 * What --ca, --cert, --key and --insecure say.
 * @throws UsageError for one of a pair; CommandError for a file that cannot be read.
 */
export function tlsOf(flags: FlagValues): ClientTlsOptions {
  const [ca, cert, key] = [fileOf(flags, 'ca'), fileOf(flags, 'cert'), fileOf(flags, 'key')];
  if ((cert === undefined) !== (key === undefined)) {
    throw new UsageError('--cert and --key go together: one of them is missing');
  }
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
    ...(flags.has('insecure') ? { rejectUnauthorized: false } : {}),
  };
}

export function warnIfInsecure(flags: FlagValues, io: Pick<CommandIo, 'err'>): void {
  if (flags.has('insecure')) {
    io.err('hawser: warning: --insecure: whoever answers is believed; nothing that is sent is secret');
  }
}

function headerOf(text: string): [name: string, value: string] {
  const colon = text.indexOf(':');
  const [name, value] = [text.slice(0, colon), text.slice(colon + 1).trim()];
  if (!isToken(name) || !isFieldValue(value)) {
    throw new UsageError(`--header is '${text}'; it must be a name, a colon and a value`);
  }
  return [name, value];
}

function fileOf(flags: FlagValues, name: string): string | undefined {
  const path = textOf(flags, name);
  return path === undefined ? undefined : textOfFile(`--${name}`, path);
}
