import type { LookupAddress } from 'node:dns';
import { AnswerReader, upgradeJudge } from '../client/answer-reader.ts';
import { DeflateClient } from '../client/deflate-client.ts';
import { type Destination, readDestination } from '../client/destination.ts';
import { defaultEngine } from '../engine/engine.ts';
import { DEFAULT_DEFLATE_SETTINGS } from '../options/resolve-options.ts';
import { ConnectError } from '../protocol/connect-error.ts';
import {
  type Agreement,
  KEY_BYTES,
  makeKey,
  NO_EXTENSIONS,
  renderUpgradeRequest,
} from '../protocol/handshake/client.ts';
import type { RandomSource } from '../engine/random.ts';
import { resolveHost } from '../sockets/resolve-host.ts';
import { networkWords } from './failure-words.ts';
import { LoadError, type LoadTarget } from './load-plan.ts';

export const HEAD_LIMITS = { maxHeadBytes: 16_384, maxHeaderFields: 100 };

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
 * The addresses of a destination, asked for once: a lookup for each of thousands of connections would be measured, too.
 * @throws LoadError if there are none.
 */
export function addressesOf({ address }: Destination): Promise<readonly LookupAddress[]> {
  if ('path' in address) return Promise.resolve([]);
  return new Promise((resolve, reject) => {
    resolveHost(address.host, undefined, (error, addresses) => {
      if (error === undefined) resolve(addresses);
      else {
        const words = networkWords(error, address.host) ?? error.message;
        reject(new LoadError(`no connection was opened: ${words}`, { cause: error }));
      }
    });
  });
}

/** One opening handshake: what to send, and what to make of the answer. */
export interface Opening {
  /** To be written as Latin-1. */
  readonly request: string;
  readonly answer: AnswerReader<Agreement>;
  /** What was offered, and what came of it; `undefined` if nothing was. */
  readonly deflate: DeflateClient | undefined;
}

/** Makes the opening handshakes of a target, each with a key of its own. */
export function openings(
  { target, host, authorization }: Destination,
  { headers, protocols }: LoadTarget,
  random: RandomSource,
  compress: boolean,
): () => Opening {
  const fields =
    authorization === undefined ? headers : [['Authorization', authorization] as const, ...headers];
  return () => {
    const deflate = compress ? new DeflateClient(DEFAULT_DEFLATE_SETTINGS, defaultEngine.zlib) : undefined;
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
