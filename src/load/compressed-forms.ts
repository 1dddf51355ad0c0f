import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { LoadError } from './load-plan.ts';

/** The last four bytes of each compressed message. The sender removes them (RFC 7692 §7.2.1). */
const TAIL = Buffer.of(0, 0, 0xff, 0xff);

/** Compresses a payload for permessage-deflate (RFC 7692 §7.2.1), without reference to earlier messages. */
export function compressed(payload: Buffer): Buffer {
  const whole = deflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH });
  return whole.subarray(0, whole.length - TAIL.length);
}

/**
 * The compressed form of each message of a run. The first answer is inflated and compared with the message that was sent.
 * Without context takeover all later answers have the same bytes, so they are compared with the first one: to inflate each
 * of them would cost more than the rest of the run.
 */
export class CompressedForms {
  readonly #payloads: readonly Buffer[];
  readonly #forms: (Buffer | undefined)[] = [];

  constructor(payloads: readonly Buffer[]) {
    this.#payloads = payloads;
  }

  /** The compressed form of the message in `slot`; `undefined` before its first answer. */
  of(slot: number): Buffer | undefined {
    return this.#forms[slot];
  }

  /** Takes the first answer to the message in `slot`. @throws LoadError if it does not inflate to that message. */
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
      throw new LoadError('an answer cannot be inflated', { cause: error });
    }
    if (!inflated.equals(payload))
      throw new LoadError('an answer differs from the message that was sent, after inflation');
    this.#forms[slot] = form;
  }
}
