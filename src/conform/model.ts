import type { Buffer } from 'node:buffer';
import type { ClientTlsOptions } from '../index.ts';
import { frame, type FrameFields } from '../testing/index.ts';

/** The side under test. */
export type Role = 'server' | 'client';

/** All verdicts, from the worst to the best. */
export const VERDICTS = ['fail', 'non-strict', 'informational', 'skipped', 'pass'] as const;
/**
 * - `pass`: the peer follows the RFC.
 * - `non-strict`: the RFC allows it, but the peer misses a SHOULD, or a strict reading demands more.
 * - `fail`: the peer breaks a MUST.
 * - `informational`: the RFC leaves the behaviour open; the report shows it.
 * - `skipped`: the case could not run; the result has the reason.
 */
export type Verdict = (typeof VERDICTS)[number];

/** A frame to send. It is masked as the sender's side requires, unless wrong masking is the point of the case. */
export type FrameSpec = Omit<FrameFields, 'mask'> & {
  /** Inverts the masking: masked for a client, unmasked for a server. */
  readonly wrongMask?: true;
  /** Masking key, for a frame that is masked. */
  readonly key?: Uint8Array;
};

/** The server under test, and the fields of every request to it. */
export interface Target {
  readonly url: URL;
  /** Sent with every request, unless a case replaces the field. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly protocols: readonly string[];
  readonly tls: ClientTlsOptions;
  /** Time limit of each step, in ms. */
  readonly timeoutMs: number;
}

/** Bytes of a frame as the side that faces `tested` sends it: clients mask, servers do not (§5.1). */
export function wireOf({ wrongMask, key, ...fields }: FrameSpec, tested: Role): Buffer {
  const masked = (tested === 'server') !== (wrongMask === true);
  return frame({ ...fields, ...(masked ? (key === undefined ? {} : { mask: key }) : { mask: false }) });
}

export const worst = (verdicts: readonly Verdict[]): Verdict =>
  VERDICTS.find((verdict) => verdicts.includes(verdict)) ?? 'pass';
