import type { Position } from '../../options/topic-calls.ts';
import { PreparedMessage } from '../../protocol/outgoing/prepared-message.ts';
import { PreparedRun } from '../../protocol/outgoing/prepared-run.ts';
import type { Member, MemberList, Missed, Resumed, TopicMessage } from '../../server/groups/topic-node.ts';
import type { Id } from './client-frame.ts';

/** Codes of `error` frames. They are stable: clients branch on them. */
export type FailureCode =
  | 'malformed'
  | 'unknown-op'
  | 'topic'
  | 'forbidden'
  | 'limit'
  | 'too-big'
  | 'busy'
  | 'unavailable'
  | 'not-subscribed'
  | 'no-presence'
  | 'no-handler'
  | 'invalid'
  | 'failed'
  | 'timeout';

/** What an `error` frame says besides its code. */
export interface FailureDetails {
  readonly retryAfterMs?: number | undefined;
  readonly outcome?: 'not-published' | 'unknown' | undefined;
}

/** A frame of the server. Members that are `undefined` are left out. */
export type ServerFrame =
  | { readonly op: 'hello'; readonly v: 1; readonly connection: string; readonly pingMs: number }
  | {
      readonly op: 'ok';
      readonly id: Id;
      readonly topic?: string | undefined;
      readonly recovered?: boolean | undefined;
      readonly epoch?: string | undefined;
      readonly offset?: number | undefined;
      readonly missed?: number | undefined;
      readonly count?: number | undefined;
      readonly members?: readonly MemberFields[] | undefined;
    }
  | ({
      readonly op: 'error';
      readonly id: Id | undefined;
      readonly code: FailureCode;
      readonly message: string;
    } & FailureDetails)
  | { readonly op: 'join'; readonly topic: string; readonly member: MemberFields }
  | { readonly op: 'leave'; readonly topic: string; readonly key: string }
  | {
      readonly op: 'presence';
      readonly topic: string;
      readonly count: number;
      readonly members?: readonly MemberFields[] | undefined;
    }
  | { readonly op: 'lost'; readonly topic: string; readonly epoch: string; readonly offset: number }
  | { readonly op: 'unsubscribed'; readonly topic: string; readonly code: 'revoked' }
  | { readonly op: 'request'; readonly id: Id; readonly name: string; readonly data: string | undefined }
  | { readonly op: 'reply'; readonly id: Id; readonly data: string }
  | { readonly op: 'pong' };

/** A member, as clients see it. */
interface MemberFields {
  readonly key: string;
  readonly info?: unknown;
  /** In ms since 1970. */
  readonly since: number;
  readonly connections: number;
}

export const serverFrame = (frame: ServerFrame): PreparedMessage =>
  new PreparedMessage(JSON.stringify(frame));

/** The fields of a position in a frame; none for `undefined`. */
export const positionFields = (position: Position | undefined): Partial<Position> =>
  position === undefined ? {} : { epoch: position.epoch, offset: position.offset };

export const memberFields = ({ key, info, since, connections }: Member): MemberFields => ({
  key,
  // An engine stores a missing value as null.
  info: info ?? undefined,
  since: since.getTime(),
  connections,
});

/** The frame of a message, which all sessions share. */
export function messageFrame({ topic, position, message }: TopicMessage): PreparedMessage {
  const offset = position === undefined ? '' : `,"offset":${position.offset}`;
  return dataFrame(`{"op":"message","topic":${JSON.stringify(topic)}${offset},`, message);
}

/** The frames of missed messages, which all sessions share, and the `ok` before them. */
export class ResumedRun extends PreparedRun {
  #id: Id | undefined;
  #recovered = false;
  #ok: PreparedMessage | undefined;

  constructor({ messages }: Missed) {
    super(messages.map((message) => (message.wireFrame ??= messageFrame(message))));
  }

  /** The answer to a resume. In a storm, many clients use the same id, and get the same frame. */
  okFor(id: Id, topic: string, { recovered, position, missed }: Resumed): PreparedMessage {
    if (this.#ok === undefined || this.#id !== id || this.#recovered !== recovered) {
      this.#id = id;
      this.#recovered = recovered;
      this.#ok = serverFrame({
        op: 'ok',
        id,
        topic,
        recovered,
        ...positionFields(position),
        missed: missed.length,
      });
    }
    return this.#ok;
  }
}

export const resumedRunOf = (missed: Missed): PreparedRun => (missed.wireRun ??= new ResumedRun(missed));

/** The frame of a message of the application that belongs to no topic. */
export const plainFrame = (message: PreparedMessage): PreparedMessage =>
  dataFrame('{"op":"message",', message);

function dataFrame(begin: string, { isText, payload, compress }: PreparedMessage): PreparedMessage {
  const data = isText
    ? `"data":${JSON.stringify(payload.toString('utf8'))}`
    : `"data64":"${payload.toString('base64')}"`;
  return new PreparedMessage(`${begin}${data}}`, { compress });
}

/** The members of a topic as they are now, for a client that watches them. */
export const presenceFrame = (topic: string, { count, members }: MemberList): ServerFrame => ({
  op: 'presence',
  topic,
  count,
  members: members?.map(memberFields),
});

/** The frames of changes of members. All sessions that watch a topic share them. */
export class PresenceFrames {
  #topic = '';
  #subject: Member | MemberList | undefined;
  #op: 'join' | 'leave' | 'presence' = 'join';
  #frame: PreparedMessage | undefined;

  joined(topic: string, member: Member): PreparedMessage {
    return this.#shared('join', topic, member, () => ({ op: 'join', topic, member: memberFields(member) }));
  }

  left(topic: string, member: Member): PreparedMessage {
    return this.#shared('leave', topic, member, () => ({ op: 'leave', topic, key: member.key }));
  }

  counted(topic: string, list: MemberList): PreparedMessage {
    return this.#shared('presence', topic, list, () => presenceFrame(topic, list));
  }

  #shared(
    op: 'join' | 'leave' | 'presence',
    topic: string,
    subject: Member | MemberList,
    build: () => ServerFrame,
  ): PreparedMessage {
    if (this.#frame === undefined || this.#op !== op || this.#topic !== topic || this.#subject !== subject) {
      this.#op = op;
      this.#topic = topic;
      this.#subject = subject;
      this.#frame = serverFrame(build());
    }
    return this.#frame;
  }
}
