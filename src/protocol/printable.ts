/** Replaces a secret in output and reports. */
export const HIDDEN = '***';

/**
 * Escapes control and format characters, so that text from a peer cannot start a new line or send commands to a
 * terminal.
 */
export function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`);
}

/** Returns an object as one line of JSON that is safe to print on a terminal. */
export function jsonLine(value: Readonly<Record<string, unknown>>): string {
  return terminalSafeJson(JSON.stringify(value));
}

/**
 * Escapes characters that JSON allows but terminals interpret, such as C1 controls. Line feeds between members stay.
 */
export function terminalSafeJson(json: string): string {
  return json.replace(/(?!\n)[\p{C}\p{Zl}\p{Zp}]/gu, (char) =>
    Array.from({ length: char.length }, (_, i) => char.charCodeAt(i))
      .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

/** Returns a URL to print or log, without user, password and query: the query often holds a token. */
export function shownUrl(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return printable(host === '' ? `${protocol}${pathname}` : `${protocol}//${host}${pathname}`);
}
