import { printable, printableUrl } from '../../protocol/index.ts';
import type { TlsFlags } from '../client-flags.ts';
import { UsageError } from '../command.ts';

/** An admin port, and what it takes to use it. */
export interface AdminTarget {
  /** Of the page; ends with `/`. */
  readonly base: URL;
  /** Of the WebSocket. */
  readonly live: URL;
  readonly token: string | undefined;
  readonly tls: TlsFlags;
  /** The URL for messages: without the token. */
  readonly shown: string;
}

const SCHEMES: Readonly<Record<string, string>> = {
  'http:': 'http:',
  'https:': 'https:',
  'ws:': 'http:',
  'wss:': 'https:',
};

/** A token is sent in a header field. */
const isToken = (text: string): boolean => /^[\x21-\x7e]+$/.test(text);

/**
 * Reads the URL of an admin port, as its page has it: `http://` is added if there is no scheme, and the token may stand in the
 * fragment, as in `#token=…`.
 * @param token Value of --token.
 * @throws UsageError that repeats no token.
 */
export function adminTargetOf(text: string, token: string | undefined, tls: TlsFlags): AdminTarget {
  const whole = /^[a-z][a-z\d+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(whole)) {
    throw new UsageError(
      `'${printable(text.replace(/#.*$/s, ''))}' is not a URL, as in hawser top localhost:9090`,
    );
  }
  const base = new URL(whole);
  const scheme = SCHEMES[base.protocol];
  if (scheme === undefined || base.username !== '' || base.password !== '') {
    throw new UsageError(
      'the URL of an admin port begins with http:// or https://, and has no user and password; give the token with --token',
    );
  }
  const ofFragment = new URLSearchParams(base.hash.slice(1)).get('token') ?? undefined;
  if (token !== undefined && ofFragment !== undefined && token !== ofFragment) {
    throw new UsageError('--token and the fragment of the URL name different tokens');
  }
  const given = token ?? ofFragment;
  if (given !== undefined && !isToken(given)) {
    throw new UsageError('the token has characters other than visible ASCII, which no admin port accepts');
  }
  base.protocol = scheme;
  base.hash = '';
  base.search = '';
  // Of the page or of the WebSocket, maybe below the path of a proxy.
  base.pathname = `${base.pathname.replace(/\/(?:live)?$/, '')}/`;
  const live = new URL('live', base);
  live.protocol = scheme === 'https:' ? 'wss:' : 'ws:';
  return { base, live, token: given, tls, shown: printableUrl(base) };
}
