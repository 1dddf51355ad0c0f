import { acceptDeflateAnswer, offerDeflate } from '../protocol/deflate/offer.ts';
import type { DeflateAgreement, DeflatePreferences } from '../protocol/deflate/parameters.ts';
import type { ExtensionClient } from '../protocol/handshake/client.ts';
import type { ExtensionOffer } from '../protocol/handshake/extension-list.ts';
import type { DeflateSettings } from '../protocol/deflate/compressor.ts';
import type { NodeZlib } from '../engine/zlib/zlib.ts';

/** Offers permessage-deflate in one handshake, and keeps the agreement. */
export class DeflateClient implements ExtensionClient {
  readonly offer: string;
  /** `undefined` if the server did not accept the offer. */
  agreed: DeflateAgreement | undefined;
  readonly #preferences: DeflatePreferences;
  readonly #zlib: NodeZlib;

  constructor(settings: DeflateSettings, zlib: NodeZlib) {
    this.#zlib = zlib;
    this.#preferences = zlib.preferences(settings);
    this.offer = offerDeflate(this.#preferences);
  }

  fault(answer: readonly ExtensionOffer[]): string | undefined {
    const verdict = acceptDeflateAnswer(answer, this.#preferences, this.#zlib.drivesZlib);
    if (typeof verdict === 'string') return verdict;
    this.agreed = verdict;
    return undefined;
  }
}
