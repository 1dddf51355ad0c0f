import { ConnectError } from '../../protocol/connect-error.ts';
import { MisuseError } from '../../protocol/errors.ts';
import type { ConnectOptions, RequestHeaders } from '../../options/connect-options.ts';
import { readDestination } from '../../protocol/handshake/destination.ts';
import { answerOf, type Asked, type AttemptContext } from '../../options/retry-options.ts';
import { isToken, type ReconnectSettings } from '../../options/resolve-reconnect-options.ts';

/** URL and options of one attempt. */
export interface AttemptRequest {
  readonly url: string | URL;
  readonly options: ConnectOptions;
  /** All values that may contain credentials, as one text for comparison. */
  readonly credentials: string;
}

type Pairs = (readonly [name: string, value: string])[];

/** Returns URL, subprotocols, header fields and token for each attempt, and calls those that are functions. */
export class ReconnectSource {
  readonly #url: Asked<string | URL>;
  readonly #settings: ReconnectSettings;

  /** @throws MisuseError `ERR_ARGUMENT` for an invalid URL. */
  constructor(url: Asked<string | URL>, settings: ReconnectSettings) {
    if (typeof url !== 'function') checkUrl(url);
    this.#url = url;
    this.#settings = settings;
  }

  /** Whether the next attempt can have other credentials than the last one. */
  get canChange(): boolean {
    const { token, headers } = this.#settings;
    return [this.#url, token, headers].some((asked) => typeof asked === 'function');
  }

  /**
   * Gets the values of one attempt, within `connectTimeoutMs`.
   * @throws Any error of a function; `ConnectError` `ERR_CONNECT_TIMEOUT`; the reason of the signal; MisuseError `ERR_OPTION`
   *   for an invalid token.
   */
  async ask(context: AttemptContext): Promise<AttemptRequest> {
    const { clock, connectTimeoutMs } = this.#settings.connection;
    // Not AbortSignal.any: Node keeps the signal that it returns as long as that has a listener.
    const asking = new AbortController();
    const { signal } = asking;
    const stopped = (): void => asking.abort(context.signal.reason);
    context.signal.addEventListener('abort', stopped);
    const timer = clock.setTimer(() => asking.abort(silence()), connectTimeoutMs);
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => {
        clock.clearTimer(timer);
        reject(signal.reason as Error);
      });
    });
    try {
      return await Promise.race([this.#answers({ ...context, signal }, context.signal), aborted]);
    } finally {
      clock.clearTimer(timer);
      context.signal.removeEventListener('abort', stopped);
    }
  }

  /** @param signal The signal of the attempt, for `connect`, which has a timeout of its own. */
  async #answers(context: AttemptContext, signal: AbortSignal): Promise<AttemptRequest> {
    const { connect, ...settings } = this.#settings;
    const [url, protocols, given, token] = await Promise.all([
      answerOf(this.#url, context),
      answerOf(settings.protocols, context),
      answerOf(settings.headers, context),
      answerOf(settings.token, context),
    ]);
    const headers = pairsOf(given);
    if (token !== undefined) {
      if (!isToken(token))
        throw new MisuseError('ERR_OPTION', 'token returned a value that is not printable ASCII');
      if (headers.some(([name]) => name.toLowerCase() === 'authorization')) {
        throw new MisuseError(
          'ERR_OPTION',
          'headers and token both returned an Authorization; use one of them',
        );
      }
      headers.push(['Authorization', `Bearer ${token}`]);
    }
    return {
      url,
      options: { ...connect, protocols: protocols ?? [], headers, signal },
      credentials: JSON.stringify([String(url), headers]),
    };
  }
}

const silence = (): ConnectError =>
  new ConnectError('ERR_CONNECT_TIMEOUT', 'url, protocols, headers or token did not answer', {
    phase: 'url',
  });

function checkUrl(url: unknown): void {
  if (typeof url !== 'string' && !(url instanceof URL)) {
    throw new MisuseError('ERR_ARGUMENT', 'url must be a string, a URL, or a function that returns one');
  }
  try {
    readDestination(url);
  } catch (error) {
    throw new MisuseError('ERR_ARGUMENT', (error as Error).message, { cause: error });
  }
}

function pairsOf(headers: RequestHeaders | undefined): Pairs {
  if (headers === undefined) return [];
  return Symbol.iterator in headers ? [...headers] : Object.entries(headers);
}
