import type { Buffer } from 'node:buffer';
import type { Negotiated } from './deflate-codec.ts';
import type { FrameSpec, Role, Verdict } from './model.ts';
import type { RequestSpec } from './request.ts';
import type { ResponseSpec } from './response.ts';

/** An expected answer. Messages arrive in order, and pongs arrive in order, but the two may interleave. */
export interface Answer {
  readonly type: 'text' | 'binary' | 'pong';
  readonly payload: Buffer;
}

/** How a run ends. */
export type End =
  /** All frames were valid: the suite closes with 1000, and the peer answers. */
  | { readonly by: 'us' }
  /** The frames included a Close: the peer answers with one of `codes` (`undefined`: no code) and ends TCP. */
  | { readonly by: 'close'; readonly codes: readonly (number | undefined)[] }
  /** The peer must fail the connection, with one of `codes` in its Close. `accepted` is the verdict if it does not fail. */
  | { readonly by: 'failure'; readonly codes: readonly number[]; readonly accepted: Verdict };

/** One connection of a case: the frames to send, the expected answers, and the expected end. */
export interface Run {
  /** Distinguishes the runs of a case. */
  readonly label: string;
  readonly send: readonly FrameSpec[] | ((negotiated: Negotiated) => readonly FrameSpec[]);
  /** Bytes per write. `Infinity`: one write. */
  readonly cutBytes: number;
  /** Number of last bytes to hold back until the peer has failed the connection or a time limit has passed. */
  readonly heldBytes: number;
  readonly answers: readonly Answer[];
  readonly end: End;
  /** Close codes of a peer whose limit forbids the message. The verdict is then informational. */
  readonly limitCodes: readonly number[];
  /** Offer of permessage-deflate that the peer must accept for this run. Default: no offer. */
  readonly offer?: string;
}

interface CaseHead {
  /** Stable: `group.subject.detail`. */
  readonly id: string;
  readonly title: string;
  /** A section of RFC 6455, such as `§5.2`, or of another document by name. */
  readonly section: string;
}
/** A case about frames on open connections. */
export interface FrameCase extends CaseHead {
  readonly kind: 'frames';
  /** The role that the case tests. Default: both. */
  readonly only?: Role;
  readonly runs: readonly Run[];
}
/** A case about requests to a server. */
export interface RequestCase extends CaseHead {
  readonly kind: 'request';
  readonly runs: readonly RequestSpec[];
}
/** A case about responses to a client. */
export interface ResponseCase extends CaseHead {
  readonly kind: 'response';
  readonly runs: readonly ResponseSpec[];
}
export type Case = FrameCase | RequestCase | ResponseCase;

/** Titles of the groups of cases, in the order of a report. */
export const GROUPS = Object.freeze({
  handshake: 'Opening handshake',
  framing: 'Framing',
  lengths: 'Payload lengths and sizes',
  masking: 'Masking',
  fragmentation: 'Fragmentation',
  control: 'Ping and pong',
  utf8: 'UTF-8',
  close: 'Closing',
  limits: 'Limits',
  deflate: 'permessage-deflate',
  attack: 'Attacks that are safe to send',
});
/** The group of a case: the first part of its ID. */
export type GroupName = keyof typeof GROUPS;
export const groupOf = (id: string): GroupName => id.slice(0, id.indexOf('.')) as GroupName;
