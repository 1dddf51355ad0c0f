import { EngineError } from '../../../protocol/errors.ts';
import type { Envelope } from '../../envelope.ts';
import { envelopeHeader, writeEnvelope } from '../../envelope.ts';

/** Most entries of a batch. The number of an entry is that of its batch times this, and its place in the batch. */
const PLACES = 64;
/** Length of an entry in an envelope, in bytes. */
const LENGTH_BYTES = 4;
/** Longest header of an envelope. */
export const HEADER_BYTES = 112;

/**
 * Writes a batch as envelopes that the server takes; one, unless `max_payload` is below the size of a batch. The number of an
 * envelope is that of its first entry, so a batch that is split in another way when it is sent again is recognised, too.
 * @throws EngineError `ERR_ENGINE_REFUSED` if one entry is too large. Then nothing may be sent.
 */
export function envelopesOf(
  kind: 'm' | 'j',
  node: string,
  seq: number,
  entries: readonly Uint8Array[],
  maxPayload: number,
): readonly Uint8Array[] {
  const envelopes: Uint8Array[] = [];
  const number = seq * PLACES;
  const headerBytes = envelopeHeader(kind, headerOf(node, number + PLACES)).length;
  let from = 0;
  let bytes = headerBytes;
  for (let at = 0; at <= entries.length; at++) {
    const size = at === entries.length ? Infinity : LENGTH_BYTES + entries[at]!.length;
    if (size !== Infinity && headerBytes + size > maxPayload) throw tooLarge(entries[at]!.length, maxPayload);
    if (bytes + size > maxPayload && at > from) {
      envelopes.push(writeEnvelope(kind, headerOf(node, number + from), entries.slice(from, at)));
      from = at;
      bytes = headerBytes;
    }
    bytes += size;
  }
  return envelopes;
}

const headerOf = (node: string, seq: number): Envelope['header'] => ({
  node,
  seq,
  epoch: undefined,
  first: 0,
});

const tooLarge = (bytes: number, maxPayload: number): EngineError =>
  new EngineError(
    'ERR_ENGINE_REFUSED',
    `a message of ${bytes} bytes is over max_payload of the NATS server, ${maxPayload} bytes`,
  );

/** The last entry that each node published to a topic: a batch that is sent again after a disconnect is delivered once. */
export class Arrivals {
  readonly #last = new Map<string, number>();

  /** @returns The batch of an envelope, and those of its entries that have not arrived before. */
  fresh({ header: { node, seq: number }, entries }: Envelope): {
    readonly seq: number;
    readonly entries: readonly Uint8Array[];
  } {
    const seq = Math.floor(number / PLACES);
    const known = (this.#last.get(node) ?? -1) - number + 1;
    if (known >= entries.length) return { seq, entries: [] };
    this.#last.set(node, number + entries.length - 1);
    return { seq, entries: known > 0 ? entries.slice(known) : entries };
  }

  forget(node: string): void {
    this.#last.delete(node);
  }
}
