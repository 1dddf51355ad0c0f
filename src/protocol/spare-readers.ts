import type { Role } from './constants.ts';
import type { Extension } from './extensions/extension.ts';
import { DEFAULT_LIMITS, type ProtocolLimits } from './limits.ts';
import { MessageReader } from './message-reader.ts';
import type { MessageMemory } from './taken-message.ts';

/** Enough for connections whose messages arrive in many reads at the same time. */
const MAX_SPARE = 64;
/** What a reader takes, with its header. */
export const READER_BYTES = 336;
export const NOT_EXTENDED: readonly Extension[] = /* @__PURE__ */ Object.freeze([]);

/**
 * Readers of connections without extensions. Such a connection has a reader from a read until everything of it is read; most
 * need one for no longer than one call. An idle connection has none, which saves a sixth of its memory.
 */
export class SpareReaders {
  readonly #spare: MessageReader[] = [];

  /** Readers that no connection uses. */
  get size(): number {
    return this.#spare.length;
  }

  /** @returns A reader in which nothing is unfinished. */
  take(role: Role, limits: ProtocolLimits, memory: MessageMemory): MessageReader {
    const reader = this.#spare.pop();
    if (reader === undefined) return new MessageReader(role, limits, memory, NOT_EXTENDED, undefined);
    reader.header.serve(role, limits);
    return reader;
  }

  /** @param reader Nothing in it is unfinished; the caller no longer uses it. */
  keep(reader: MessageReader): void {
    if (this.#spare.length === MAX_SPARE) return;
    // The limits are settings of a server, which may be closed by then.
    reader.header.serve('server', DEFAULT_LIMITS);
    this.#spare.push(reader);
  }
}
