import { Buffer } from 'node:buffer';
import { MisuseError } from '../protocol/errors.ts';

/** A proxy of the option `proxy`. */
export interface ProxySettings {
  /** Whether to speak TLS to the proxy. */
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  /** Value of `Proxy-Authorization`; `undefined` without user and password. Secret: never printed. */
  readonly authorization: string | undefined;
}

/**
 * Reads the URL of a proxy.
 * @param name Of the option.
 * @throws MisuseError `ERR_OPTION`. The message leaves out the URL, because it can contain a password.
 */
export function readProxy(name: string, value: unknown): ProxySettings {
  const url = parsed(value);
  if (url === undefined) throw wrongProxy(name, 'is not a URL');
  const { protocol, hostname, port, pathname, search, hash } = url;
  if (protocol !== 'http:' && protocol !== 'https:') {
    throw wrongProxy(name, `has the scheme ${protocol.slice(0, 32)} (for SOCKS there is createConnection)`);
  }
  if (pathname !== '/' || search !== '' || hash !== '')
    throw wrongProxy(name, 'has a path, query or fragment');
  const secure = protocol === 'https:';
  return Object.freeze({
    secure,
    host: hostname.startsWith('[') ? hostname.slice(1, -1) : hostname,
    port: port === '' ? (secure ? 443 : 80) : Number(port),
    authorization: credentialsOf(name, url),
  });
}

const wrongProxy = (name: string, what: string): MisuseError =>
  new MisuseError('ERR_OPTION', `${name} ${what}; it must be a URL such as http://proxy.example:3128`);

function parsed(value: unknown): URL | undefined {
  if (value instanceof URL) return value;
  return typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
}

/** Basic authentication (RFC 7617), in UTF-8. */
function credentialsOf(name: string, { username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined;
  let user: string;
  let secret: string;
  try {
    user = decodeURIComponent(username);
    secret = decodeURIComponent(password);
  } catch {
    throw wrongProxy(name, 'has a % in its user or password that escapes nothing');
  }
  // The first colon ends the user name.
  if (user.includes(':')) throw wrongProxy(name, 'has a user name with a colon');
  return `Basic ${Buffer.from(`${user}:${secret}`, 'utf8').toString('base64')}`;
}
