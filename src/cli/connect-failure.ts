import { type ConnectError, printable, printableUrl } from '../protocol/index.ts';
import { networkWords } from '../load/index.ts';

/** The peer of a URL as shown to the user: host and port, or the path of a Unix socket. */
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
    return `the proxy demands valid credentials: ${answer}; give them with --proxy http://user:password@host:port`;
  }
  if (code === 'ERR_PROXY' && status !== undefined) return `the proxy refused to open a tunnel: ${answer}`;
  if (code === 'ERR_PROXY' && proxy !== undefined) {
    const words = networkWords(cause, `the proxy ${new URL(proxy).host}`);
    return words ?? error.message;
  }
  if (code === 'ERR_CONNECT_TIMEOUT') return `${error.message}; --timeout-ms sets a longer limit`;
  if (code === 'ERR_REDIRECT' && !error.message.includes(';')) {
    const where = locationOf(error);
    return `the server redirects${where === undefined ? '' : ` to ${where}`}: ${answer}; --max-redirects 5 follows redirects`;
  }
  if (phase !== 'response' || code === 'ERR_REDIRECT' || status === undefined || status === 101) {
    return error.message;
  }
  const hint = status === 401 ? '; give credentials with --auth user:password or -H "Authorization: …"' : '';
  return `the server refused the handshake: ${answer}${hint}`;
}

/** The target of a redirect, without parts that may be secret. */
function locationOf({ headers }: ConnectError): string | undefined {
  const location = headers.get('location');
  if (location === null) return undefined;
  return URL.canParse(location) ? printableUrl(location) : printable(location.replace(/[?#].*$/s, ''));
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
    url: printableUrl(url),
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
