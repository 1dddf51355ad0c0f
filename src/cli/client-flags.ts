import { X509Certificate } from 'node:crypto';
import type { ConnectionOptions } from 'node:tls';
import type { ConnectOptions } from '../client/index.ts';
import { isFieldValue, isToken } from '../protocol/index.ts';
import { CommandError, type CommandIo, UsageError } from './command.ts';
import { textOfFile } from './files.ts';
import { type Flag, type FlagValues, listOf, textOf, wholeNumberOf } from './flags.ts';

const MAX_MS = 2 ** 31 - 1;

/** Flags for the peer and the credentials, for every command that connects (CM-03). */
export const PEER_FLAGS: readonly Flag[] = [
  {
    name: 'header',
    short: 'H',
    value: '<name: value>',
    repeatable: true,
    says: 'a header field of the handshake, as in -H "Cookie: session=1"',
  },
  {
    name: 'protocol',
    value: '<name>',
    repeatable: true,
    says: 'a subprotocol to offer, in order of preference',
  },
  { name: 'origin', value: '<origin>', says: 'value of the Origin header' },
  { name: 'auth', value: '<user:password>', says: 'credentials for Basic authentication' },
  { name: 'ca', value: '<file>', says: 'PEM file of the authorities to trust instead of the default ones' },
  { name: 'cert', value: '<file>', says: 'PEM file of the client certificate; needs --key' },
  { name: 'key', value: '<file>', says: 'PEM file of its private key' },
  {
    name: 'insecure',
    says: 'accept any server certificate; unsafe: an attacker can read and change the traffic',
  },
];

/** The proxy to connect through. Environment variables are not read: only the command line decides. */
export const PROXY_FLAG: Flag = {
  name: 'proxy',
  value: '<url>',
  says: 'HTTP proxy to connect through: http://user:password@host:port or https://…; HTTPS_PROXY is not read',
};

/** Flags of commands that exchange messages: {@link PEER_FLAGS} and options of the connection. */
export const CLIENT_FLAGS: readonly Flag[] = [
  ...PEER_FLAGS,
  PROXY_FLAG,
  { name: 'max-redirects', value: '<n>', says: 'maximum redirects to follow', default: '0' },
  {
    name: 'transport',
    value: '<auto|stream>',
    says: 'I/O layer: handles of Node sockets where available, or streams',
    default: 'auto',
  },
  { name: 'compress', says: 'offer permessage-deflate (RFC 7692)' },
  {
    name: 'timeout-ms',
    value: '<ms>',
    says: 'time limit of connecting, all phases together',
    default: '10,000',
  },
  {
    name: 'max-message-bytes',
    value: '<bytes>',
    says: 'maximum size of a message to accept',
    default: '1,048,576',
  },
  {
    name: 'ping-interval-ms',
    value: '<ms>',
    says: "time between pings to the server, or 'off' for no pings",
    default: '30,000',
  },
];

const SCHEME = /^(?:[a-z][a-z\d+.-]*:\/\/|ws\+unix:)/i;

/** Adds `ws://` to a URL without a scheme. */
export function urlOf(text: string): string {
  return SCHEME.test(text) ? text : `ws://${text}`;
}

/**
 * The options of {@link CLIENT_FLAGS}.
 * @param subprotocol Offered before those of --protocol.
 * @throws UsageError naming the flag, its value, and what is allowed; CommandError for a file that cannot be read.
 */
export function clientOptionsOf(
  flags: FlagValues,
  io: Pick<CommandIo, 'err'>,
  subprotocol?: string,
): ConnectOptions {
  const origin = textOf(flags, 'origin');
  const protocols = protocolsOf(flags);
  warnIfInsecure(flags, io);
  return {
    headers: headersOf(flags),
    protocols:
      subprotocol === undefined
        ? protocols
        : [subprotocol, ...protocols.filter((name) => name !== subprotocol)],
    ...(origin === undefined ? {} : { origin }),
    tls: tlsOf(flags),
    ...proxyOf(flags),
    ...transportOf(flags),
    maxRedirects: wholeNumberOf(flags, 'max-redirects', 0, 0, 20),
    connectTimeoutMs: wholeNumberOf(flags, 'timeout-ms', 10_000, 1, MAX_MS),
    maxMessageBytes: wholeNumberOf(flags, 'max-message-bytes', 1_048_576, 1, 536_870_888),
    perMessageDeflate: flags.has('compress'),
    ...heartbeatOf(flags),
    // A person or a pipe may be silent for any length of time.
    idleTimeoutMs: false,
  };
}

/** The TLS options that flags set: plain data. */
export type TlsFlags = Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized'>;

/**
 * The value of --proxy; --ca and --insecure apply to an https: proxy, too.
 * @throws UsageError if the value is not the URL of an HTTP proxy. The message omits the value: it may contain a password.
 */
export function proxyOf(flags: FlagValues): {
  readonly proxy?: string;
  readonly proxyTls?: Pick<TlsFlags, 'ca' | 'rejectUnauthorized'>;
} {
  const proxy = textOf(flags, 'proxy');
  if (proxy === undefined) return {};
  const url = URL.canParse(proxy) ? new URL(proxy) : undefined;
  if (url === undefined || !isProxyUrl(url)) {
    throw new UsageError(
      '--proxy is not the URL of an HTTP proxy; it must be a URL such as http://proxy.example:3128, without a path',
    );
  }
  if (url.protocol === 'http:') return { proxy };
  const { ca, rejectUnauthorized } = tlsOf(flags);
  return { proxy, proxyTls: { ca, rejectUnauthorized } };
}

/** User and password are sent as UTF-8, so an escape sequence that is not UTF-8 is a mistake. */
function isProxyUrl({ protocol, pathname, search, hash, username, password }: URL): boolean {
  try {
    const user = decodeURIComponent(username);
    decodeURIComponent(password);
    return /^https?:$/.test(protocol) && `${pathname}${search}${hash}` === '/' && !user.includes(':');
  } catch {
    return false;
  }
}

function transportOf(flags: FlagValues): Pick<ConnectOptions, 'transport'> {
  const transport = textOf(flags, 'transport') ?? 'auto';
  if (transport === 'auto' || transport === 'stream') return { transport };
  throw new UsageError(`--transport is '${transport}'; it must be auto or stream`);
}

function heartbeatOf(flags: FlagValues): ConnectOptions {
  if (textOf(flags, 'ping-interval-ms') === 'off') return { heartbeat: false };
  const pingIntervalMs = wholeNumberOf(flags, 'ping-interval-ms', 30_000, 2, MAX_MS);
  // The pong timeout must be shorter than the interval.
  return { pingIntervalMs, pongTimeoutMs: Math.min(10_000, pingIntervalMs - 1) };
}

/**
 * The header fields of --header and --auth.
 * @throws UsageError for an invalid header, or credentials without a colon.
 */
export function headersOf(flags: FlagValues): [name: string, value: string][] {
  const headers = listOf(flags, 'header').map(headerOf);
  const auth = textOf(flags, 'auth');
  if (auth === undefined) return headers;
  if (!auth.includes(':')) {
    throw new UsageError(`--auth is '${auth}'; it must be a user, a colon and a password`);
  }
  return [...headers, ['Authorization', `Basic ${Buffer.from(auth, 'utf8').toString('base64')}`]];
}

export const protocolsOf = (flags: FlagValues): readonly string[] => listOf(flags, 'protocol');

/**
 * The TLS options of --ca, --cert, --key and --insecure.
 * @throws UsageError if --cert or --key is alone; CommandError for a file that cannot be read, or an authority without certificate.
 */
export function tlsOf(flags: FlagValues): TlsFlags {
  const [ca, cert, key] = [fileOf(flags, 'ca'), fileOf(flags, 'cert'), fileOf(flags, 'key')];
  if ((cert === undefined) !== (key === undefined)) {
    throw new UsageError('--cert and --key go together: one of them is missing');
  }
  if (ca !== undefined && !hasCertificate(ca)) {
    throw new CommandError(
      `--ca '${textOf(flags, 'ca')}' has no certificate; it must be a file in PEM format`,
    );
  }
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
    ...(flags.has('insecure') ? { rejectUnauthorized: false } : {}),
  };
}

export function warnIfInsecure(flags: FlagValues, io: Pick<CommandIo, 'err'>): void {
  if (flags.has('insecure')) {
    io.err(
      'hawser: warning: --insecure accepts any certificate; an attacker can read and change the traffic',
    );
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

/** OpenSSL ignores an authority that it cannot read, and the error would blame the server. */
function hasCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
