import type { Json, Member, Position, Presence } from './topic-events.ts';

/** The subprotocol of topics and requests. */
export const SUBPROTOCOL = 'hawser.v1';

/** Data as the wire has it: text, or base64 for bytes. */
export interface WireData {
  readonly data?: string | undefined;
  readonly data64?: string | undefined;
}
/** The answer to a `subscribe`, `publish` or `presence`. */
export interface OkFrame {
  readonly op: 'ok';
  readonly id: number;
  readonly recovered?: boolean;
  readonly epoch?: string;
  readonly offset?: number;
  readonly missed?: number;
  readonly count?: number;
  readonly members?: readonly WireMember[];
}
export interface ReplyFrame {
  readonly op: 'reply';
  readonly id: number;
  readonly data?: string;
}
export interface ErrorFrame {
  readonly op: 'error';
  readonly id?: number | string | null;
  readonly code: string;
  readonly message?: string;
  readonly retryAfterMs?: number;
  readonly outcome?: 'not-published' | 'unknown';
}
export interface MessageFrame extends WireData {
  readonly op: 'message';
  /** Missing for messages to the application's listener. */
  readonly topic?: string;
  readonly offset?: number;
}
export interface RequestFrame {
  readonly op: 'request';
  /** Begins with `s`. */
  readonly id: string;
  readonly name: string;
  readonly data?: string;
}
/** A frame of the server. */
export type ServerFrame =
  | { readonly op: 'hello'; readonly connection?: string; readonly pingMs: number }
  | OkFrame
  | ReplyFrame
  | ErrorFrame
  | MessageFrame
  | RequestFrame
  | { readonly op: 'join'; readonly topic: string; readonly member: WireMember }
  | { readonly op: 'leave'; readonly topic: string; readonly key: string }
  | {
      readonly op: 'presence';
      readonly topic: string;
      readonly count: number;
      readonly members?: readonly WireMember[];
    }
  | { readonly op: 'lost'; readonly topic: string; readonly epoch?: string; readonly offset?: number }
  | { readonly op: 'unsubscribed'; readonly topic: string; readonly code: string }
  | { readonly op: 'pong' };

/** A member as the wire has it. */
export interface WireMember {
  readonly key: string;
  readonly info?: Json;
  /** In ms since 1970. */
  readonly since: number;
  readonly connections: number;
}

type Test = (value: unknown) => boolean;
const isText: Test = (value) => typeof value === 'string';
const isCount: Test = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isMember: Test = (value) =>
  typeof value === 'object' &&
  value !== null &&
  isText((value as WireMember).key) &&
  isCount((value as WireMember).since) &&
  isCount((value as WireMember).connections);
const isMembers: Test = (value) => Array.isArray(value) && value.every(isMember);
const isFlag: Test = (value) => typeof value === 'boolean';
const orMissing =
  (test: Test): Test =>
  (value) =>
    value === undefined || value === null || test(value);

/** The fields of each `op` that this client reads. It ignores other fields and other `op`s, so that version 1 can grow. */
const FIELDS: Readonly<Record<ServerFrame['op'], Readonly<Record<string, Test>>>> = {
  hello: { pingMs: isCount },
  ok: {
    id: isCount,
    recovered: orMissing(isFlag),
    epoch: orMissing(isText),
    offset: orMissing(isCount),
    missed: orMissing(isCount),
    count: orMissing(isCount),
    members: orMissing(isMembers),
  },
  reply: { id: isCount, data: orMissing(isText) },
  error: { code: isText, message: orMissing(isText), retryAfterMs: orMissing(isCount) },
  message: {
    topic: orMissing(isText),
    offset: orMissing(isCount),
    data: orMissing(isText),
    data64: orMissing(isText),
  },
  request: { id: isText, name: isText, data: orMissing(isText) },
  join: { topic: isText, member: isMember },
  leave: { topic: isText, key: isText },
  presence: { topic: isText, count: isCount, members: orMissing(isMembers) },
  lost: { topic: isText, epoch: orMissing(isText), offset: orMissing(isCount) },
  unsubscribed: { topic: isText, code: isText },
  pong: {},
};

/**
 * Reads a frame of the server.
 * @returns `undefined` for an unknown `op`; a text for a frame that breaks the protocol.
 */
export function readFrame(text: string): ServerFrame | string | undefined {
  let frame: Record<string, unknown>;
  try {
    frame = JSON.parse(text) as Record<string, unknown>;
  } catch {
    return 'a frame is not JSON';
  }
  if (typeof frame !== 'object' || frame === null || typeof frame['op'] !== 'string')
    return 'a frame is not an object with op';
  const { op } = frame;
  if (!Object.hasOwn(FIELDS, op)) return undefined;
  for (const [name, test] of Object.entries(FIELDS[op as ServerFrame['op']]))
    if (!test(frame[name])) return `${name} of a frame with op ${op} is not valid`;
  return frame as unknown as ServerFrame;
}

/** @returns The position in a frame; `undefined` for a topic without history. */
export function positionOf({
  epoch,
  offset,
}: {
  readonly epoch?: string | undefined;
  readonly offset?: number | undefined;
}): Position | undefined {
  return typeof epoch === 'string' && typeof offset === 'number' ? { epoch, offset } : undefined;
}

export const memberOf = ({ key, info, since, connections }: WireMember): Member => ({
  key,
  info,
  since: new Date(since),
  connections,
});

export const presenceOf = ({
  count = 0,
  members,
}: {
  readonly count?: number;
  readonly members?: readonly WireMember[] | null;
}): Presence =>
  members === undefined || members === null ? { count } : { count, members: members.map(memberOf) };
