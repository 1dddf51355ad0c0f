import type { Buffer } from 'node:buffer';
import { endsInsideCodePoint, invalidUtf8 } from './message-assembler.ts';
import { Utf8Validator } from './utf8.ts';

/** Checks a message that is passed on part by part. Exists only while such a message is in progress; holds no payload. */
export class MessageParts {
  readonly isText: boolean;
  readonly #validator: Utf8Validator | undefined;
  #bytes = 0;

  constructor(isText: boolean) {
    this.isText = isText;
    this.#validator = isText ? new Utf8Validator() : undefined;
  }

  /**
   * Checks the next part. Text fails at its first impossible byte (§8.1).
   * @param nonAscii 0 if every byte of the part is ASCII.
   * @param isLast The message ends with this part.
   * @throws PeerError `ERR_UTF8`.
   */
  check(bytes: Buffer, start: number, end: number, nonAscii: number, isLast: boolean): void {
    const validator = this.#validator;
    if (validator !== undefined && (nonAscii !== 0 || !validator.atBoundary)) {
      const bad = validator.receive(bytes, start, end);
      if (bad >= 0) throw invalidUtf8(bytes.subarray(start, end), bad - start, end - start, this.#bytes);
    }
    this.#bytes += end - start;
    if (isLast && validator?.atBoundary === false) throw endsInsideCodePoint(this.#bytes);
  }
}
