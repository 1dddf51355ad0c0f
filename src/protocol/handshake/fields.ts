/**
 * 1 for each character of a token, by code (RFC 9110 §5.6.2). Codes above 0xFF give `undefined`: compare with `=== 1`.
 */
export const TOKEN_CHARS: Uint8Array = /* @__PURE__ */ (() => {
  const chars = new Uint8Array(256);
  const token = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  for (const char of token) chars[char.charCodeAt(0)] = 1;
  return chars;
})();
/** 1 for each character of a field value, blanks included: no control character but the tab (RFC 9110 §5.5). */
export const VALUE_CHARS: Uint8Array = /* @__PURE__ */ (() =>
  new Uint8Array(256).fill(1, 0x20).fill(0, 0x7f, 0x80).fill(1, 0x09, 0x0a))();

const TAB = 0x09;
const SPACE = 0x20;

/** Whether `code` is a space or a tab: the OWS around values and list members. */
export const isBlank = (code: number): boolean => code === SPACE || code === TAB;

/** Returns `text` from `start` to `end` without the spaces and tabs around it. */
export function trimmed(text: string, start: number, end: number): string {
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

const consistsOf = (text: string, chars: Uint8Array): boolean => {
  for (let i = 0; i < text.length; i++) if (chars[text.charCodeAt(i)] !== 1) return false;
  return true;
};

/** Whether `text` is a token: one or more ASCII characters without blanks and separators (RFC 9110 §5.6.2). */
export const isToken = (text: string): boolean => text.length > 0 && consistsOf(text, TOKEN_CHARS);

/**
 * Whether `text` can be a field value. Characters above U+00FF cannot: written as Latin-1, some of them would become CR
 * or LF.
 */
export const isFieldValue = (text: string): boolean => consistsOf(text, VALUE_CHARS);

/**
 * Returns the members of a comma-separated list in order, repeated ones included, in one pass. Empty members are
 * ignored, even if all are empty: RFC 9110 §5.6.1.2 requires recipients to accept what senders produce when they join
 * values.
 * @param value Of a field whose members contain no quoted commas.
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
 * Parses a list of tokens (`#token`).
 * @returns The tokens in order, repeated ones included; `undefined` if a member is not a token.
 */
export function parseTokenList(value: string): string[] | undefined {
  const tokens = listMembers(value);
  return tokens.every(isToken) ? tokens : undefined;
}

/**
 * Whether a comma-separated list contains `member`, ignoring case. Empty members are ignored (RFC 9110 §5.6.1.2).
 * @param member In lower case.
 */
export function listContains(value: string, member: string): boolean {
  if (value.length < member.length) return false;
  const list = value.toLowerCase();
  return list === member || listMembers(list).includes(member);
}

/** Joins the values of a repeated field (RFC 9110 §5.3). Cookies are joined with `; ` (RFC 9113 §8.2.3). */
const joinedValues = (name: string, values: readonly string[]): string =>
  values.join(name === 'cookie' ? '; ' : ', ');

/**
 * Header fields in the order they were sent; names in lower case, values trimmed. A list and not an object, so that
 * `__proto__` and `constructor` are ordinary names and duplicates can be counted.
 */
export class Fields implements Iterable<readonly [name: string, value: string]> {
  readonly #flat: readonly string[];

  /** @param flat Alternating names and values; names in lower case, values trimmed. Kept, not copied. */
  constructor(flat: readonly string[]) {
    this.#flat = flat;
  }

  /** Creates fields from alternating names and values as sent, such as Node's `rawHeaders`. */
  static fromRaw(rawHeaders: readonly string[]): Fields {
    return new Fields(
      rawHeaders.map((text, i) => (i % 2 === 0 ? text.toLowerCase() : trimmed(text, 0, text.length))),
    );
  }

  /**
   * Returns the value of a field. Repeated fields are joined in order with `, `, cookies with `; `.
   * @param name In lower case.
   */
  get(name: string): string | undefined {
    const first = this.#indexOf(name, 0);
    if (first < 0) return undefined;
    const second = this.#indexOf(name, first + 2);
    return second < 0 ? this.#flat[first + 1] : joinedValues(name, this.all(name));
  }

  /** Returns each name once, in order of its first field, with the value that {@link get} returns; in one pass. */
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

  /**
   * Returns all values of a field in order.
   * @param name In lower case.
   */
  all(name: string): string[] {
    const values: string[] = [];
    for (let at = this.#indexOf(name, 0); at >= 0; at = this.#indexOf(name, at + 2)) {
      values.push(this.#flat[at + 1]!);
    }
    return values;
  }

  /**
   * Returns how often a field was sent.
   * @param name In lower case.
   */
  count(name: string): number {
    let count = 0;
    for (let at = this.#indexOf(name, 0); at >= 0; at = this.#indexOf(name, at + 2)) count++;
    return count;
  }

  /** Every field as sent, in order. */
  *[Symbol.iterator](): Generator<readonly [name: string, value: string], void, undefined> {
    for (let at = 0; at < this.#flat.length; at += 2) yield [this.#flat[at]!, this.#flat[at + 1]!];
  }

  #indexOf(name: string, from: number): number {
    const flat = this.#flat;
    for (let at = from; at < flat.length; at += 2) {
      const candidate = flat[at]!;
      // comparing lengths first rejects most names without reading their text
      if (candidate.length === name.length && candidate === name) return at;
    }
    return -1;
  }
}
