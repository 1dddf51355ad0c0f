import { ERRORS, type PeerErrorCode } from '../../src/protocol/errors.ts';
import type { ProtocolLimits } from '../../src/protocol/limits.ts';

/** Masking key of a client's frames, `false` for a server's. */
export type Mask = Uint8Array | false;

/** A rule, the bytes that show it, and what becomes of them. */
export interface Row {
  /** Requirement or section first, then what is special here. */
  readonly rule: string;
  /** Frames as a client sends them, with a key, or as a server does. */
  readonly wire: (mask: Mask) => readonly Buffer[];
  /** In the notation of `Outcome.lines`. */
  readonly lines: readonly string[];
  /** The byte of the last frame that proves its fault, counted from 1 in its header, or in its payload. */
  readonly provedBy?: { readonly header: number } | { readonly payload: number };
  readonly limits?: Partial<ProtocolLimits>;
  /** `close(1000)` was called before. */
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
