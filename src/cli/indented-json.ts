const INDENT = '  ';

/**
 * JSON with a line for each member, its numbers, strings and order exactly as they were written: a number beyond 2^53 or
 * a name that occurs twice would not survive being parsed.
 * @returns `undefined` for what is no JSON object or array.
 */
export function indentedJson(text: string): string | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  let depth = 0;
  let result = '';
  const newLine = (): string => `\n${INDENT.repeat(depth)}`;
  // What was accepted above is made of strings, brackets, separators, blanks, and words without any of these.
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s[\]{},:"]+/g)) {
    const last = result.at(-1);
    if (token === '}' || token === ']') {
      depth--;
      if (last !== '{' && last !== '[') result += newLine();
      result += token;
    } else {
      if (last === '{' || last === '[') result += newLine();
      result += token === ':' ? ': ' : token;
      if (token === '{' || token === '[') depth++;
      if (token === ',') result += newLine();
    }
  }
  return result;
}
