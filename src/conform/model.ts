import type { ClientTlsOptions } from '../index.ts';
import type { FrameFields } from '../testing/index.ts';

/** Who is under test. */
export type Role = 'server' | 'client';

/** From the worst to the best. */
export const VERDICTS = ['fail', 'non-strict', 'informational', 'skipped', 'pass'] as const;
/**
 * - `pass`: as the RFC asks.
 * - `non-strict`: the RFC allows it, or leaves it open, but a SHOULD, or a stricter reading, asks for more.
 * - `fail`: against a MUST.
 * - `informational`: the RFC takes no side; what the peer does is worth knowing.
 * - `skipped`: could not be asked; the reason is given.
 */
export type Verdict = (typeof VERDICTS)[number];

/** A frame to send. It is masked as the side of the sender asks for, unless that is the fault. */
export type FrameSpec = Omit<FrameFields, 'mask'> & {
  /** Masked where it must not be, or not masked where it must. */
  readonly wrongMask?: true;
  /** Masking key, for a frame that is masked. */
  readonly key?: Uint8Array;
};

/** The server under test, and what every request to it carries. */
export interface Target {
  readonly url: URL;
  /** Sent with every request unless a case is about that field. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly protocols: readonly string[];
  readonly tls: ClientTlsOptions;
  /** Longest wait for one thing, in ms. */
  readonly timeoutMs: number;
}

export const worst = (verdicts: readonly Verdict[]): Verdict =>
  VERDICTS.find((verdict) => verdicts.includes(verdict)) ?? 'pass';
