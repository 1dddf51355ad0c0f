/**
 * Escapes control, format and separator characters as `\u{…}`, so that text from a peer can neither begin a line of its
 * own nor send commands to a terminal. Use it for close reasons, header values and messages that go to a log or a terminal.
 */
export function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`);
}

/**
 * Escapes the characters of JSON text that a terminal acts on, such as C1 controls, as `\uXXXX`. The value stays the same.
 * @param json From `JSON.stringify`. Line feeds between members stay.
 */
export function printableJson(json: string): string {
  return json.replace(/(?!\n)[\p{C}\p{Zl}\p{Zp}]/gu, (char) =>
    Array.from({ length: char.length }, (_, i) => char.charCodeAt(i))
      .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

/**
 * A URL for a log or a terminal: without user and password, and without query and fragment, which often hold a token.
 * @throws TypeError if it is not an absolute URL.
 */
export function printableUrl(url: string | URL): string {
  const { protocol, host, pathname } = new URL(url);
  return printable(host === '' ? `${protocol}${pathname}` : `${protocol}//${host}${pathname}`);
}
