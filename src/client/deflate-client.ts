import { acceptDeflateAnswer, offerDeflate } from '../protocol/deflate/offer.ts';
import type { DeflateAgreement, DeflatePreferences } from '../protocol/deflate/parameters.ts';
import type { ExtensionClient } from '../protocol/handshake/client.ts';
import type { ExtensionOffer } from '../protocol/handshake/extension-list.ts';
import type { DeflateSettings } from '../protocol/deflate/compressor.ts';
import { deflatePreferences } from '../engine/zlib/deflate-settings.ts';
import { drivesZlib } from '../engine/zlib/raw-zlib.ts';

/** Offers permessage-deflate, and keeps what came of it. For one handshake. */
export class DeflateClient implements ExtensionClient {
  readonly offer: string;
  /** `undefined` if the server did not take it up. */
  agreed: DeflateAgreement | undefined;
  readonly #preferences: DeflatePreferences;

  constructor(settings: DeflateSettings) {
    this.#preferences = deflatePreferences(settings);
    this.offer = offerDeflate(this.#preferences);
  }

  fault(answer: readonly ExtensionOffer[]): string | undefined {
    const verdict = acceptDeflateAnswer(answer, this.#preferences, drivesZlib());
    if (typeof verdict === 'string') return verdict;
    this.agreed = verdict;
    return undefined;
  }
}
