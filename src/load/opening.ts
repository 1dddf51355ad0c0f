import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import {
  type Agreement,
  AnswerReader,
  ConnectError,
  type Destination,
  type ExtensionClient,
  type ExtensionOffer,
  KEY_BYTES,
  makeKey,
  NO_EXTENSIONS,
  readDestination,
  renderUpgradeRequest,
  upgradeJudge,
} from '../protocol/index.ts';
import { networkWords } from './failure-words.ts';
import { LoadError, type LoadTarget, type RandomBytes } from './load-plan.ts';

const HEAD_LIMITS = { maxHeadBytes: 16_384, maxHeaderFields: 100 };

/** @throws LoadError for a URL that no connection can go to. */
export function destinationOf({ url }: Pick<LoadTarget, 'url'>): Destination {
  try {
    return readDestination(url);
  } catch (error) {
    if (error instanceof ConnectError) throw new LoadError(error.message, { cause: error });
    throw error;
  }
}

/**
 * Looks up the addresses of a destination, once per run: a lookup for each of thousands of connections would be measured, too.
 * @returns Empty for a Unix socket.
 * @throws LoadError if there are none.
 */
export async function addressesOf({ address }: Destination): Promise<readonly LookupAddress[]> {
  if ('path' in address) return [];
  const { host } = address;
  const family = isIP(host);
  if (family !== 0) return [{ address: host, family }];
  try {
    return await lookup(host, { all: true });
  } catch (error) {
    const words = networkWords(error, host) ?? (error as Error).message;
    throw new LoadError(`no connection was opened: ${words}`, { cause: error });
  }
}

/** Offers permessage-deflate without context takeover, and keeps the answer. Serves one handshake. */
export class DeflateOffer implements ExtensionClient {
  readonly offer =
    'permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits';
  #answer: ExtensionOffer['params'] | undefined;

  fault([first, second]: readonly ExtensionOffer[]): string | undefined {
    if (first?.name !== 'permessage-deflate') return 'it chose an extension that was not offered';
    if (second !== undefined) return 'it chose more than one extension';
    this.#answer = first.params;
    return undefined;
  }

  /**
   * Whether the answers of this server can be compared with the messages sent.
   * @throws LoadError if not: the forms of all messages are made once, with a window of 15 bits and without context.
   */
  check(): void {
    const bits = this.#answer?.find(([name]) => name === 'client_max_window_bits')?.[1] ?? '15';
    if (this.#answer === undefined || bits !== '15') {
      throw new LoadError('the server did not agree to permessage-deflate with a window of 15 bits');
    }
    if (!this.#answer.some(([name]) => name === 'server_no_context_takeover')) {
      throw new LoadError(
        'the server keeps its compression context from message to message, so its answers cannot be compared with what was sent: measure it without --compress',
      );
    }
  }
}

/** One opening handshake: the request, and the reader of the response. */
export interface Opening {
  /** Write it as Latin-1. */
  readonly request: string;
  readonly answer: AnswerReader<Agreement>;
  /** `undefined` if no extension is offered. */
  readonly deflate: DeflateOffer | undefined;
}

/** Makes the opening handshakes of a target, each with its own key. */
export function openings(
  { target, host, authorization }: Destination,
  { headers, protocols }: LoadTarget,
  random: RandomBytes,
  compress: boolean,
): () => Opening {
  const fields =
    authorization === undefined ? headers : [['Authorization', authorization] as const, ...headers];
  return () => {
    const deflate = compress ? new DeflateOffer() : undefined;
    const head = {
      target,
      host,
      key: makeKey(random.bytes(KEY_BYTES)),
      protocols,
      extensions: deflate ?? NO_EXTENSIONS,
      origin: '',
      headers: fields,
    };
    return {
      deflate,
      request: renderUpgradeRequest(head),
      answer: new AnswerReader(upgradeJudge(head), HEAD_LIMITS, Date.now),
    };
  };
}
