import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { LoadError } from './load-plan.ts';

/** What ends every compressed message and is not sent (RFC 7692 §7.2.1). */
const TAIL = Buffer.of(0, 0, 0xff, 0xff);

/** A payload as it is sent where permessage-deflate was agreed on (RFC 7692 §7.2.1); refers to nothing before it. */
export function compressed(payload: Buffer): Buffer {
  const whole = deflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH });
  return whole.subarray(0, whole.length - TAIL.length);
}

/**
 * How a server compresses the messages of a run. The first answer to each is inflated and compared with what was sent; since
 * no message may refer to another, all further ones have to be the same bytes, and inflating them would cost more than all
 * the rest.
 */
export class CompressedForms {
  readonly #payloads: readonly Buffer[];
  readonly #forms: (Buffer | undefined)[] = [];

  constructor(payloads: readonly Buffer[]) {
    this.#payloads = payloads;
  }

  /** `undefined` while no answer of this slot has come. */
  of(slot: number): Buffer | undefined {
    return this.#forms[slot];
  }

  /** @throws LoadError if these are not the bytes that were sent, compressed. */
  learn(slot: number, pieces: readonly Buffer[]): void {
    const payload = this.#payloads[slot]!;
    const form = Buffer.concat(pieces);
    let inflated: Buffer;
    try {
      inflated = inflateRawSync(Buffer.concat([form, TAIL]), {
        finishFlush: constants.Z_SYNC_FLUSH,
        maxOutputLength: payload.length + 1,
      });
    } catch (error) {
      throw new LoadError('an answer cannot be inflated to what was sent', { cause: error });
    }
    if (!inflated.equals(payload)) throw new LoadError('an answer is not what was sent, after inflation');
    this.#forms[slot] = form;
  }
}
