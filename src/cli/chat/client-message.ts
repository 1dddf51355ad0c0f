/** Longest name, in UTF-16 units, as `maxlength` of a form counts. */
export const MAX_NAME = 32;
/** Longest room name. */
export const MAX_ROOM = 48;
/** Longest message of a person. */
export const MAX_TEXT = 2_000;
const MAX_TOKEN = 64;
/** Controls and directions would let a text look like another's; the joiners of scripts and of emoji stay. */
const UNFIT_IN_NAMES = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}]/gu;
const UNFIT_IN_TEXT = /(?![\n\t\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}]/gu;

/** What a page sends. */
export type ClientMessage =
  | {
      readonly type: 'join';
      readonly room: string;
      readonly name: string;
      /** Known to this page alone: whoever comes back with it is the same person. */
      readonly session: string;
    }
  | {
      readonly type: 'say';
      readonly text: string;
      /** Which message of this page it is: one that is sent again after a reconnect is not said twice. */
      readonly ref: string;
    }
  /** Asks for a sign of life; browsers cannot ping. */
  | { readonly type: 'alive' };

/**
 * Reads what a page sent.
 * @returns The message, cleaned; or a sentence about what is wrong.
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

/** Names without control characters, directions and double blanks; `undefined` if nothing is left or too much. */
function oneLine(value: unknown, max: number): string | undefined {
  if (typeof value !== 'string' || value.length > max * 8) return undefined;
  const clean = value.normalize('NFC').replace(UNFIT_IN_NAMES, ' ').replace(/\s+/gu, ' ').trim();
  return clean === '' || clean.length > max ? undefined : clean;
}

const isToken = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= MAX_TOKEN && /^[\w-]+$/.test(value);
