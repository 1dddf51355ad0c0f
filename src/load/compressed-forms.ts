import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { LoadError } from './load-plan.ts';

/** Tail of every compressed message, which is not sent (RFC 7692 §7.2.1). */
const TAIL = Buffer.of(0, 0, 0xff, 0xff);

/** Compresses a payload for permessage-deflate (RFC 7692 §7.2.1), without reference to earlier messages. */
export function compressed(payload: Buffer): Buffer {
  const whole = deflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH });
  return whole.subarray(0, whole.length - TAIL.length);
}

/**
 * The compressed forms of the messages of a run. The first answer to each message is inflated and compared with the message
 * sent. Messages must not refer to each other, so all later answers must be the same bytes; inflating them, too, would cost
 * more than the rest of the run.
 */
export class CompressedForms {
  readonly #payloads: readonly Buffer[];
  readonly #forms: (Buffer | undefined)[] = [];

  constructor(payloads: readonly Buffer[]) {
    this.#payloads = payloads;
  }

  /** `undefined` before the first answer of this slot. */
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
