import type { Role } from './constants.ts';
import { MisuseError } from './errors.ts';
import type { Extension } from './extensions/extension.ts';
import type { OutgoingLimits, ProtocolLimits } from './limits.ts';
import type { ProtocolMemory } from './memory.ts';
import { EncodingOutbox } from './outgoing/encoding-outbox.ts';
import { Outbox } from './outgoing/outbox.ts';
import { OPEN_WIRE, type Wire } from './outgoing/wire.ts';

/** The driver of a connection with extensions; called when work of an extension that took longer than one call is done. */
export interface ProtocolOwner {
  /** `take` has bytes to write. */
  send(): void;
  /** `next` has facts. */
  readMore(): void;
  /** A step without a caller threw. The connection is unusable afterwards. */
  failed(error: unknown): void;
}

/** Options of a `ProtocolConnection`. All are optional, except `nextKey` for a client. */
export interface ProtocolOptions {
  /** All limits. Default `DEFAULT_LIMITS`. */
  readonly limits?: ProtocolLimits & Partial<OutgoingLimits>;
  /** Memory that connections share. Default: separate memory, 64 KiB from the first message sent. */
  readonly memory?: ProtocolMemory;
  /** The connection below, for back-pressure. Default: one that accepts everything at once. */
  readonly wire?: Wire;
  /**
   * Returns a fresh, unpredictable masking key for each frame: 4 bytes as `readKey` returns them. Clients only (§5.3).
   */
  readonly nextKey?: (() => number) | undefined;
  /**
   * The negotiated extensions, in the order of the server's `Sec-WebSocket-Extensions` (§9.1): the first one transforms a
   * message that is sent first, and a message that is received last. Each owns another reserved bit. Default: none.
   */
  readonly extensions?: readonly Extension[] | undefined;
  /** Hears of work that extensions have finished later. Needed with `extensions`. */
  readonly owner?: ProtocolOwner | undefined;
  /**
   * Which reasons this side sends in a Close. `own`: the rule that the peer broke, and none in an answer. `echo`: none of
   * its own, and the peer's reason in an answer; a 64-bit length with its top bit set then closes with 1009 instead of
   * 1002. Default `'own'`.
   */
  readonly closeReasons?: 'own' | 'echo' | undefined;
  /** Whether pings are answered. If not, the driver answers them with `ProtocolConnection.pong`. Default `true`. */
  readonly autoPong?: boolean | undefined;
}

/** @throws MisuseError `ERR_ARGUMENT` for a client without `nextKey`, or a server with one; for extensions without `owner`. */
export function checkOptions(role: Role, { nextKey, extensions = [], owner }: ProtocolOptions): void {
  if ((nextKey === undefined) !== (role === 'server')) {
    throw new MisuseError(
      'ERR_ARGUMENT',
      role === 'client'
        ? 'a client needs nextKey: its frames are masked'
        : 'a server takes no nextKey: its frames are not masked',
    );
  }
  if (extensions.length > 0 && owner === undefined)
    throw new MisuseError('ERR_ARGUMENT', 'extensions need owner: an extension may finish work later');
}

/** Returns the outgoing queue for checked options. */
export function openOutbox(
  { wire = OPEN_WIRE, nextKey, owner }: ProtocolOptions,
  limits: ProtocolLimits & Partial<OutgoingLimits>,
  memory: ProtocolMemory,
  extensions: readonly Extension[],
): Outbox {
  return extensions.length === 0
    ? new Outbox(wire, limits, memory, nextKey)
    : new EncodingOutbox(wire, limits, memory, nextKey, extensions, owner!);
}
