/** 1 for the characters of a token, by code (RFC 9110 §5.6.2). Above 0xFF there is none: compare with `=== 1`. */
export const TOKEN_CHARS: Uint8Array = new Uint8Array(256);
for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
  TOKEN_CHARS[char.charCodeAt(0)] = 1;
}
/** 1 for the characters of a field value, blanks included: no control character but the tab (RFC 9110 §5.5). */
export const VALUE_CHARS: Uint8Array = new Uint8Array(256)
  .fill(1, 0x20)
  .fill(0, 0x7f, 0x80)
  .fill(1, 0x09, 0x0a);

const TAB = 0x09;
const SPACE = 0x20;

/** Whether `code` is a space or a tab: what is called OWS around values and list members. */
export const isBlank = (code: number): boolean => code === SPACE || code === TAB;

/** The part of `text` from `start` up to `end` without the spaces and tabs around it. */
export function trimmed(text: string, start: number, end: number): string {
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

const consistsOf = (text: string, chars: Uint8Array): boolean => {
  for (let i = 0; i < text.length; i++) if (chars[text.charCodeAt(i)] !== 1) return false;
  return true;
};

/** Whether `text` is a token: at least one character, no blanks, no separators, ASCII (RFC 9110 §5.6.2). */
export const isToken = (text: string): boolean => text.length > 0 && consistsOf(text, TOKEN_CHARS);

/**
 * Whether `text` can be the value of a field. Characters above U+00FF cannot: written as Latin-1, some of them would turn
 * into CR or LF.
 */
export const isFieldValue = (text: string): boolean => consistsOf(text, VALUE_CHARS);

/**
 * Members of a comma-separated list, in order, repeated ones too; in one pass. Empty members are ignored, and a list may have
 * no other: a recipient has to accept what senders make when they join values (RFC 9110 §5.6.1.2).
 * @param value Of a field whose members hold no quoted commas.
 */
export function listMembers(value: string): string[] {
  const members: string[] = [];
  for (let start = 0; start < value.length; ) {
    const comma = value.indexOf(',', start);
    const end = comma < 0 ? value.length : comma;
    const member = trimmed(value, start, end);
    if (member !== '') members.push(member);
    start = end + 1;
  }
  return members;
}

/**
 * Reads a list of tokens (`#token`).
 * @returns The tokens in order, repeated ones too; `undefined` if a member is no token.
 */
export function parseTokenList(value: string): string[] | undefined {
  const tokens = listMembers(value);
  return tokens.every(isToken) ? tokens : undefined;
}

/**
 * Whether a comma-separated list has `member`, compared without case. Empty members are ignored (RFC 9110 §5.6.1.2).
 * @param member In lower case.
 */
export function listContains(value: string, member: string): boolean {
  if (value.length < member.length) return false;
  const list = value.toLowerCase();
  return list === member || listMembers(list).includes(member);
}

/** One value for a repeated field (RFC 9110 §5.3). Cookies are no list: `; ` stands between them (RFC 9113 §8.2.3). */
const joinedValues = (name: string, values: readonly string[]): string =>
  values.join(name === 'cookie' ? '; ' : ', ');

/**
 * The header fields of a message in the order they were sent: names in lower case, values without blanks around them.
 * A list and not an object, so that `__proto__` and `constructor` are names like others, and duplicates stay countable.
 */
export class Fields implements Iterable<readonly [name: string, value: string]> {
  readonly #flat: readonly string[];

  /** @param flat Names and values by turns, names in lower case, values trimmed. Kept, not copied. */
  constructor(flat: readonly string[]) {
    this.#flat = flat;
  }

  /** From names and values by turns, as sent; Node calls that `rawHeaders`. */
  static fromRaw(rawHeaders: readonly string[]): Fields {
    return new Fields(
      rawHeaders.map((text, i) => (i % 2 === 0 ? text.toLowerCase() : trimmed(text, 0, text.length))),
    );
  }

  /**
   * The value of a field; of a repeated one all values in order, joined with `, `, cookies with `; `.
   * @param name In lower case.
   */
  get(name: string): string | undefined {
    const first = this.#indexOf(name, 0);
    if (first < 0) return undefined;
    const second = this.#indexOf(name, first + 2);
    return second < 0 ? this.#flat[first + 1] : joinedValues(name, this.all(name));
  }

  /** Each name once, in the order of its first field, with what {@link get} returns for it; in one pass. */
  joined(): Map<string, string> {
    const values = new Map<string, string[]>();
    for (const [name, value] of this) {
      const others = values.get(name);
      if (others === undefined) values.set(name, [value]);
      else others.push(value);
    }
    const joined = new Map<string, string>();
    for (const [name, all] of values) joined.set(name, joinedValues(name, all));
    return joined;
  }

  /** Each value of a field, in order. @param name In lower case. */
  all(name: string): string[] {
    const values: string[] = [];
    for (let at = this.#indexOf(name, 0); at >= 0; at = this.#indexOf(name, at + 2)) {
      values.push(this.#flat[at + 1]!);
    }
    return values;
  }

  /** How often a field was sent. @param name In lower case. */
  count(name: string): number {
    let count = 0;
    for (let at = this.#indexOf(name, 0); at >= 0; at = this.#indexOf(name, at + 2)) count++;
    return count;
  }

  *[Symbol.iterator](): Generator<readonly [name: string, value: string], void, undefined> {
    for (let at = 0; at < this.#flat.length; at += 2) yield [this.#flat[at]!, this.#flat[at + 1]!];
  }

  #indexOf(name: string, from: number): number {
    const flat = this.#flat;
    for (let at = from; at < flat.length; at += 2) {
      const candidate = flat[at]!;
      // the length sorts out most names without looking at their text
      if (candidate.length === name.length && candidate === name) return at;
    }
    return -1;
  }
}
