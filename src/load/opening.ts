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

/** Parses the URL of a target. @throws LoadError if it is not a WebSocket URL. */
export function destinationOf({ url }: Pick<LoadTarget, 'url'>): Destination {
  try {
    return readDestination(url);
  } catch (error) {
    if (error instanceof ConnectError) throw new LoadError(error.message, { cause: error });
    throw error;
  }
}

/**
 * Resolves the host name of a destination, once per run: one lookup per connection would become part of the measurement.
 * @returns The addresses; an empty list for a Unix socket.
 * @throws LoadError if the name cannot be resolved.
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

/** Offers permessage-deflate without context takeover, and stores the answer. For one handshake. */
export class DeflateOffer implements ExtensionClient {
  readonly offer =
    'permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits';
  #answer: ExtensionOffer['params'] | undefined;

  fault([first, second]: readonly ExtensionOffer[]): string | undefined {
    if (first?.name !== 'permessage-deflate') return 'the server chose an extension that was not offered';
    if (second !== undefined) return 'the server chose more than one extension';
    this.#answer = first.params;
    return undefined;
  }

  /**
   * Checks that the answers of this server can be compared with the messages sent. Messages are compressed once, with a
   * window of 15 bits and without context takeover.
   * @throws LoadError if the server agreed to other parameters.
   */
  check(): void {
    const bits = this.#answer?.find(([name]) => name === 'client_max_window_bits')?.[1] ?? '15';
    if (this.#answer === undefined || bits !== '15') {
      throw new LoadError('the server did not agree to permessage-deflate with a window of 15 bits');
    }
    if (!this.#answer.some(([name]) => name === 'server_no_context_takeover')) {
      throw new LoadError(
        'the server uses context takeover for compression, so its answers cannot be compared with the messages sent: measure it without --compress',
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

/** Returns a function that makes the opening handshakes of a target, each with its own key. */
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
