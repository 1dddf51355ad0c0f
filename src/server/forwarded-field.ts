/** A pair, its value a token or a quoted string (RFC 7239 §4). */
const PAIR = /[ \t]*([\w!#$%&'*+.^`|~-]+)=(?:([\w!#$%&'*+.^`|~-]+)|"((?:[^"\\]|\\.)*)")[ \t]*([;,]|$)/y;

/**
 * Reads the value of `Forwarded` (RFC 7239 §4), in linear time.
 * @param value Without control characters but tabs, as any value of a field.
 * @returns One map for each proxy, the farthest first, with parameter names in lower case; `undefined` if it breaks the
 *   grammar or names a parameter twice in one element.
 */
export function forwardedElements(value: string): Map<string, string>[] | undefined {
  const elements: Map<string, string>[] = [];
  let element = new Map<string, string>();
  PAIR.lastIndex = 0;
  for (let at = 0; ; at = PAIR.lastIndex) {
    PAIR.lastIndex = at;
    const pair = PAIR.exec(value);
    if (pair === null) return undefined;
    const [, name = '', token, quoted = '', end] = pair;
    const key = name.toLowerCase();
    if (element.has(key)) return undefined;
    element.set(key, token ?? quoted.replace(/\\(.)/g, '$1'));
    if (end === ';') continue;
    elements.push(element);
    if (end === '') return elements;
    element = new Map();
  }
}
