const INDENT = '  ';
/** Deeper levels keep this indentation, so that the output grows linearly with the text. */
const MAX_INDENTED_DEPTH = 32;

/**
 * Puts every member of a JSON text on its own line. Numbers, strings and their order stay exactly as they were
 * written: a number beyond 2^53 or a repeated name would not survive `JSON.parse`. Takes time linear in the text.
 * @returns `undefined` for text that is not a JSON object or array.
 */
export function indentedJson(text: string): string | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  let depth = 0;
  let last = '';
  const parts: string[] = [];
  const newLine = (): void => void parts.push(`\n${INDENT.repeat(Math.min(depth, MAX_INDENTED_DEPTH))}`);
  // `JSON.parse` accepted the text, so every token is a string, a bracket, a separator, or a word without these characters.
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s[\]{},:"]+/g)) {
    const opened = last === '{' || last === '[';
    if (token === '}' || token === ']') {
      depth--;
      if (!opened) newLine();
      parts.push(token);
    } else {
      if (opened) newLine();
      parts.push(token === ':' ? ': ' : token);
      if (token === '{' || token === '[') depth++;
      if (token === ',') newLine();
    }
    last = token;
  }
  return parts.join('');
}
