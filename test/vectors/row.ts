import { ERRORS, type PeerErrorCode } from '../../src/protocol/errors.ts';
import type { ProtocolLimits } from '../../src/protocol/limits.ts';

/** Masking key of a client's frames; `false` for a server's. */
export type Mask = Uint8Array | false;

/** A rule, bytes that show it, and the expected result. */
export interface Row {
  /** Requirement or section first, then the special case. */
  readonly rule: string;
  /** The frames: a client's with a key, or a server's without. */
  readonly wire: (mask: Mask) => readonly Buffer[];
  /** In the notation of `Outcome.lines`. */
  readonly lines: readonly string[];
  /** Byte of the last frame that proves its fault, counted from 1 in its header or its payload. */
  readonly provedBy?: { readonly header: number } | { readonly payload: number };
  readonly limits?: Partial<ProtocolLimits>;
  /** Calls `close(1000)` first. */
  readonly closeFirst?: boolean;
}

/** Lines of a failure: Close with the code of the rule, then the fact. */
export const fails = (code: PeerErrorCode): readonly string[] => {
  const { closeCode } = ERRORS[code] as { readonly closeCode?: number };
  return [`> close ${closeCode}`, `failure ${code}`];
};

export const LIMITS: ProtocolLimits = {
  maxMessageBytes: 1_048_576,
  maxFrameBytes: 1_048_576,
  maxFragments: 16_384,
  maxPendingPongs: 16,
};
