import type { Role } from './constants.ts';
import type { Extension } from './extensions/extension.ts';
import type { ProtocolLimits } from './limits.ts';
import { MessageReader } from './message-reader.ts';
import type { MessageMemory } from './taken-message.ts';

/** Enough for connections whose messages arrive in many reads at the same time. */
const MAX_SPARE = 64;
/** What a reader takes, with its header. */
export const READER_BYTES = 336;
export const NOT_EXTENDED: readonly Extension[] = /* @__PURE__ */ Object.freeze([]);

type Spare = Readonly<Record<Role, MessageReader[]>>;

/**
 * Readers of connections without extensions. Such a connection has a reader from a read until everything of it is read; most
 * need one for no longer than one call. An idle connection has none, which saves a sixth of its memory.
 */
export class SpareReaders {
  /** By the limits they apply, which are settings of one server or client. */
  readonly #spare = new WeakMap<ProtocolLimits, Spare>();

  /** Spare readers with these limits. */
  count(role: Role, limits: ProtocolLimits): number {
    return this.#of(role, limits).length;
  }

  /** @returns A reader in which nothing is unfinished. */
  take(role: Role, limits: ProtocolLimits, memory: MessageMemory): MessageReader {
    return this.#of(role, limits).pop() ?? new MessageReader(role, limits, memory, NOT_EXTENDED, undefined);
  }

  /** @param reader One of {@link take}, with the same role. Nothing in it is unfinished; the caller no longer uses it. */
  keep(role: Role, reader: MessageReader): void {
    const spare = this.#of(role, reader.header.limits);
    if (spare.length < MAX_SPARE) spare.push(reader);
  }

  #of(role: Role, limits: ProtocolLimits): MessageReader[] {
    let spare = this.#spare.get(limits);
    if (spare === undefined) {
      spare = { server: [], client: [] };
      this.#spare.set(limits, spare);
    }
    return spare[role];
  }
}
