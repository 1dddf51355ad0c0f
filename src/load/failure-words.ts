import type { ConnectError } from '../protocol/connect-error.ts';
import { printable, shownUrl } from '../protocol/printable.ts';

/** Failures below the handshake by the system's error code, each as one sentence. `{}` is replaced by the peer. */
const BY_CODE: Readonly<Record<string, string>> = {
  ECONNREFUSED: '{} refuses connections: no server listens there',
  ECONNRESET: '{} reset the connection',
  EPIPE: '{} closed the connection',
  ETIMEDOUT: '{} does not answer',
  EHOSTUNREACH: 'there is no route to {}',
  ENETUNREACH: 'there is no route to {}: is this machine online?',
  EADDRNOTAVAIL: 'this machine has no free port, or no address, to reach {} from',
  EACCES: 'this machine does not allow a connection to {}',
  EPERM: 'this machine does not allow a connection to {}',
  ENOENT: 'there is no socket at {}',
  ENOTSOCK: '{} is not a socket',
  ENOTFOUND: 'there is no host with the name of {}',
  EAI_AGAIN: 'the name of {} cannot be looked up now: the name server does not answer',
  EMFILE: 'this process has too many files and sockets open to reach {}',
  // OpenSSL's codes for an answer that is not TLS.
  ERR_SSL_WRONG_VERSION_NUMBER: '{} does not speak TLS on this port: use ws:// instead of wss://',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: '{} does not speak TLS on this port: use ws:// instead of wss://',
};
/** Codes of certificates that were not accepted. */
const CERTIFICATE =
  /^(?:CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|INVALID_CA|HOSTNAME_MISMATCH|ERR_TLS_CERT_)/;
/** Certificate errors that trusting another authority would not solve. */
const NOT_OF_TRUST =
  /^(?:CERT_HAS_EXPIRED|CERT_NOT_YET_VALID|ERR_TLS_CERT_ALTNAME_INVALID|HOSTNAME_MISMATCH)$/;

/**
 * Describes a network failure in one plain sentence.
 * @param peer The unreachable peer, as shown to the user.
 * @returns `undefined` for other failures.
 */
export function networkWords(error: unknown, peer: string): string | undefined {
  const { code, message } = codeOf(error);
  if (code === undefined) return undefined;
  if (CERTIFICATE.test(code)) {
    const trust = NOT_OF_TRUST.test(code) ? '' : ' --ca names a file with the authority to trust, and';
    return `the certificate of ${peer} is not accepted: ${message} (${code});${trust} --insecure accepts any certificate`;
  }
  const says = Object.hasOwn(BY_CODE, code) ? BY_CODE[code] : undefined;
  return says === undefined ? undefined : `${says.replace('{}', peer)} (${code})`;
}

/** If several addresses failed, use the first error. */
function codeOf(error: unknown): { readonly code?: string; readonly message: string } {
  const first: unknown = error instanceof AggregateError ? (error.errors[0] ?? error) : error;
  if (!(first instanceof Error)) return { message: '' };
  const code: unknown = Reflect.get(first, 'code');
  return { message: first.message, ...(typeof code === 'string' ? { code } : {}) };
}

/** The peer of a URL for the user: host and port, or the path of a Unix socket. */
function peerOf(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return protocol === 'ws+unix:' ? decodeURIComponent(pathname.split(':')[0]!) : host;
}

/**
 * One sentence that says why connecting failed, and what to do if that is known.
 * @param proxy URL of the proxy, if there is one.
 */
export function failureSentence(error: ConnectError, url: string, proxy?: string): string {
  const { code, cause, phase, status, statusText } = error;
  const answer = `${status}${statusText === '' ? '' : ` ${printable(statusText)}`}`;
  if (code === 'ERR_CONNECT') return networkWords(cause, peerOf(url)) ?? error.message;
  if (code === 'ERR_PROXY_AUTH') {
    return `the proxy does not accept us: ${answer}; --proxy http://user:password@host:port gives it credentials`;
  }
  if (code === 'ERR_PROXY' && status !== undefined) return `the proxy opens no tunnel: ${answer}`;
  if (code === 'ERR_PROXY' && proxy !== undefined) {
    const words = networkWords(cause, `the proxy ${new URL(proxy).host}`);
    return words ?? error.message;
  }
  if (code === 'ERR_CONNECT_TIMEOUT') return `${error.message}; --timeout-ms allows more`;
  if (code === 'ERR_REDIRECT' && !error.message.includes(';')) {
    const where = locationOf(error);
    return `the server redirects${where === undefined ? '' : ` to ${where}`}: ${answer}; --max-redirects 5 follows`;
  }
  if (phase !== 'response' || code === 'ERR_REDIRECT' || status === undefined || status === 101) {
    return error.message;
  }
  const hint = status === 401 ? '; --auth user:password or -H "Authorization: …" gives it credentials' : '';
  return `the server refused the handshake: ${answer}${hint}`;
}

/** The target of a redirect, without parts that may be secret. */
function locationOf({ headers }: ConnectError): string | undefined {
  const location = headers.get('location');
  if (location === null) return undefined;
  return URL.canParse(location) ? shownUrl(location) : printable(location.replace(/[?#].*$/s, ''));
}

/** The refusing response as lines for the user. Empty if there was no response. */
export function answerLines(error: ConnectError): readonly string[] {
  const { status, body } = error;
  if (status === undefined) return [];
  const text = body.toString('utf8').trimEnd();
  return [
    ...fieldsOf(error).map(([name, value]) => `  ${name}: ${printable(value)}`),
    ...(text === '' ? [] : ['', ...text.split(/\r\n|[\r\n]/).map((line) => `  ${printable(line)}`)]),
  ];
}

/** The failure as fields of a JSON event. */
export function failureFields(
  error: ConnectError,
  url: string,
  sentence: string,
): Readonly<Record<string, unknown>> {
  const { code, phase, status, statusText, body } = error;
  return {
    url: shownUrl(url),
    code,
    phase,
    status: status ?? null,
    statusText: status === undefined ? null : statusText,
    headers: fieldsOf(error),
    body: status === undefined ? null : body.toString('utf8'),
    message: sentence,
  };
}

const fieldsOf = (error: ConnectError): (readonly [name: string, value: string])[] =>
  [...error.headers].map(([name, value]) => [
    name,
    name === 'location' ? (locationOf(error) ?? value) : value,
  ]);
