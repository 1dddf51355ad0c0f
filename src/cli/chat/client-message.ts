/** Maximum length of a name, in UTF-16 units, as `maxlength` in HTML counts. */
export const MAX_NAME = 32;
/** Maximum length of a room name. */
export const MAX_ROOM = 48;
/** Maximum length of a chat message. */
export const MAX_TEXT = 2_000;
const MAX_TOKEN = 64;
/** Control and direction characters could imitate the text of another user. Joiners stay: scripts and emoji need them. */
const UNFIT_IN_NAMES = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}]/gu;
const UNFIT_IN_TEXT = /(?![\n\t\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}]/gu;

/** A message from the page. */
export type ClientMessage =
  | {
      readonly type: 'join';
      readonly room: string;
      readonly name: string;
      /** Known only to this page; identifies the same user after a reconnect. */
      readonly session: string;
    }
  | {
      readonly type: 'say';
      readonly text: string;
      /** Number of the message on this page, so that a message resent after a reconnect appears only once. */
      readonly ref: string;
    }
  /** Checks that the server is alive; browsers cannot send pings. */
  | { readonly type: 'alive' };

/**
 * Parses a message from the page.
 * @returns The sanitized message, or a sentence that says what is wrong.
 */
export function readClientMessage(data: string | Buffer): ClientMessage | string {
  if (typeof data !== 'string') return 'Messages are text.';
  let fields: unknown;
  try {
    fields = JSON.parse(data);
  } catch {
    return 'Messages are JSON.';
  }
  if (typeof fields !== 'object' || fields === null) return 'Messages are JSON objects.';
  const { type, room, name, session, text, ref } = fields as Readonly<Record<string, unknown>>;
  switch (type) {
    case 'join': {
      const cleanRoom = oneLine(room, MAX_ROOM);
      const cleanName = oneLine(name, MAX_NAME);
      if (cleanRoom === undefined) return `A room has a name of 1 to ${MAX_ROOM} characters.`;
      if (cleanName === undefined) return `A name has 1 to ${MAX_NAME} characters.`;
      if (!isToken(session)) return `A session has 1 to ${MAX_TOKEN} letters and digits.`;
      return { type, room: cleanRoom, name: cleanName, session };
    }
    case 'say': {
      const clean = typeof text === 'string' ? text.replace(UNFIT_IN_TEXT, '').trim() : '';
      if (clean === '' || clean.length > MAX_TEXT) {
        return `A message has 1 to ${MAX_TEXT} characters.`;
      }
      if (!isToken(ref)) return `A ref has 1 to ${MAX_TOKEN} letters and digits.`;
      return { type, text: clean, ref };
    }
    case 'alive':
      return { type };
    default:
      return 'The type is join, say or alive.';
  }
}

/** Removes control characters, directions and double spaces; `undefined` if the result is empty or too long. */
function oneLine(value: unknown, max: number): string | undefined {
  if (typeof value !== 'string' || value.length > max * 8) return undefined;
  const clean = value.normalize('NFC').replace(UNFIT_IN_NAMES, ' ').replace(/\s+/gu, ' ').trim();
  return clean === '' || clean.length > max ? undefined : clean;
}

const isToken = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= MAX_TOKEN && /^[\w-]+$/.test(value);
