import type { StandardSchema } from '../../client/index.ts';

/** Maximum length of a name, in UTF-16 units, as `maxlength` in HTML counts. */
export const MAX_NAME = 32;
/** Maximum length of a room name. */
export const MAX_ROOM = 48;
/** Maximum length of a chat message. */
export const MAX_TEXT = 2_000;
const MAX_TOKEN = 64;
const TOPIC = 'room:';
/** Control and direction characters could imitate the text of another user. Joiners stay: scripts and emoji need them. */
const UNFIT_IN_NAMES = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}]/gu;
const UNFIT_IN_TEXT = /(?![\n\t\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}]/gu;

/** The request `enter`: who the user of this connection is. The first request of a page on every connection. */
export interface Enter {
  readonly name: string;
  /** Known only to this page; identifies the same user after a reconnect. */
  readonly session: string;
}

/** The request `say`: a message to a room. */
export interface Say {
  readonly room: string;
  readonly text: string;
  /** Chosen by the page. A message that the page sends again has the same one, so that it is shown once. */
  readonly ref: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** Checks `enter`. Names are sanitized. */
export const ENTER = schema<Enter>(({ name, session }) => {
  const clean = oneLine(name, MAX_NAME);
  if (clean === undefined) return `A name has 1 to ${MAX_NAME} characters.`;
  if (!isToken(session)) return `A session has 1 to ${MAX_TOKEN} letters and digits.`;
  return { name: clean, session };
});

/** Checks `say`. The text is sanitized. */
export const SAY = schema<Say>(({ room, text, ref }) => {
  if (typeof room !== 'string' || roomTopic(room) === undefined) return NO_ROOM;
  const clean = typeof text === 'string' ? text.replace(UNFIT_IN_TEXT, '').trim() : '';
  if (clean === '' || clean.length > MAX_TEXT) return `A message has 1 to ${MAX_TEXT} characters.`;
  if (!isToken(ref)) return `A ref has 1 to ${MAX_TOKEN} letters and digits.`;
  return { room, text: clean, ref };
});

const NO_ROOM = `A room has a name of 1 to ${MAX_ROOM} characters, without blanks at its ends.`;

/** The topic of a room; `undefined` for a name that is not sanitized. */
export function roomTopic(room: string): string | undefined {
  return oneLine(room, MAX_ROOM) === room ? `${TOPIC}${room}` : undefined;
}

/** Whether a topic is that of a room. */
export const isRoomTopic = (topic: string): boolean =>
  topic.startsWith(TOPIC) && roomTopic(topic.slice(TOPIC.length)) === topic;

/** @param read Returns the value, or a sentence that says what is wrong. */
function schema<Value extends object>(read: (fields: Fields) => Value | string): StandardSchema<Value> {
  return {
    '~standard': {
      validate: (value) => {
        const isObject = typeof value === 'object' && value !== null;
        const result = isObject ? read(value as Fields) : 'A request is a JSON object.';
        return typeof result === 'string' ? { issues: [{ message: result }] } : { value: result };
      },
    },
  };
}

/** Removes control characters, directions and double spaces; `undefined` if the result is empty or too long. */
function oneLine(value: unknown, max: number): string | undefined {
  if (typeof value !== 'string' || value.length > max * 8) return undefined;
  const clean = value.normalize('NFC').replace(UNFIT_IN_NAMES, ' ').replace(/\s+/gu, ' ').trim();
  return clean === '' || clean.length > max ? undefined : clean;
}

const isToken = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= MAX_TOKEN && /^[\w-]+$/.test(value);
