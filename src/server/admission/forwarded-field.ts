/** A pair; its value is a token or a quoted string (RFC 7239 §4). */
const PAIR = /([\w!#$%&'*+.^`|~-]+)=(?:([\w!#$%&'*+.^`|~-]+)|"((?:[^"\\]|\\.)*)")/y;
/** Separators between two pairs. The grammar allows empty pairs and empty list members (RFC 9110 §5.6.1.2). */
const SEPARATOR = /[ \t]*(?:[;,][ \t;,]*|$)/y;
const LEADING = /^[ \t;,]*/;

/**
 * Reads the value of `Forwarded` (RFC 7239 §4), in linear time. Empty members and pairs are ignored.
 * @param value A field value, without control characters except tabs.
 * @returns One map per proxy, the farthest first, with parameter names in lower case; `undefined` if the value breaks the
 *   grammar or repeats a parameter in one element.
 */
export function forwardedElements(value: string): Map<string, string>[] | undefined {
  const elements: Map<string, string>[] = [];
  let element: Map<string, string> | undefined;
  let at = LEADING.exec(value)![0].length;
  while (at < value.length) {
    PAIR.lastIndex = at;
    const pair = PAIR.exec(value);
    if (pair === null) return undefined;
    const [, name = '', token, quoted = ''] = pair;
    const key = name.toLowerCase();
    if (element === undefined) elements.push((element = new Map()));
    if (element.has(key)) return undefined;
    element.set(key, token ?? quoted.replace(/\\(.)/g, '$1'));
    SEPARATOR.lastIndex = PAIR.lastIndex;
    const separator = SEPARATOR.exec(value);
    if (separator === null) return undefined;
    if (separator[0].includes(',')) element = undefined;
    at = SEPARATOR.lastIndex;
  }
  return elements;
}
