import type { Buffer } from 'node:buffer';
import type { Negotiated } from './deflate-codec.ts';
import type { FrameSpec, Role, Verdict } from './model.ts';
import type { RequestSpec } from './request.ts';
import type { ResponseSpec } from './response.ts';

/** What must come back, in this order: messages by themselves, pongs by themselves. */
export interface Answer {
  readonly type: 'text' | 'binary' | 'pong';
  readonly payload: Buffer;
}

/** How a run ends. */
export type End =
  /** Nothing was wrong: we close with 1000, and the peer answers. */
  | { readonly by: 'us' }
  /** A Close was among what was sent: the peer answers with one of these codes, `undefined` for none, and ends TCP. */
  | { readonly by: 'close'; readonly codes: readonly (number | undefined)[] }
  /** The peer must fail the connection, if it says so with one of these codes. */
  | { readonly by: 'failure'; readonly codes: readonly number[]; readonly accepted: Verdict };

/** One connection of a case: frames out, answers in, an end. */
export interface Run {
  /** What sets it apart from the other runs of the case. */
  readonly label: string;
  readonly send: readonly FrameSpec[] | ((negotiated: Negotiated) => readonly FrameSpec[]);
  /** Bytes in one write; each byte by itself is 1. Default everything at once. */
  readonly cutBytes: number;
  /** Bytes at the end that are held back until the peer has failed, or enough time has passed for that. */
  readonly heldBytes: number;
  readonly answers: readonly Answer[];
  readonly end: End;
  /** The peer may have a limit that forbids this, and says so with one of these codes: informational. */
  readonly limitCodes: readonly number[];
  /** Offer of permessage-deflate that has to be accepted for this run; without, nothing is offered. */
  readonly offer?: string;
}

interface CaseHead {
  /** Stable: `group.subject.detail`. */
  readonly id: string;
  readonly title: string;
  /** `§5.2` of RFC 6455, or another document by name. */
  readonly section: string;
}
/** What happens on connections that are open. */
export interface FrameCase extends CaseHead {
  readonly kind: 'frames';
  /** Who it can be asked; both unless given. */
  readonly only?: Role;
  readonly runs: readonly Run[];
}
/** A request to a server. */
export interface RequestCase extends CaseHead {
  readonly kind: 'request';
  readonly runs: readonly RequestSpec[];
}
/** A response to a client. */
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
