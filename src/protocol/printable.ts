/** Replaces a secret in all output and reports. */
export const HIDDEN = '***';

/** Escapes control and format characters, so that text from a peer cannot begin a line or send commands to a terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`);
}

/** An object as one line of JSON without characters that a terminal acts on. */
export function jsonLine(value: Readonly<Record<string, unknown>>): string {
  return terminalSafeJson(JSON.stringify(value));
}

/** Escapes characters that JSON allows but terminals interpret, such as C1 controls. Line feeds between members stay. */
export function terminalSafeJson(json: string): string {
  return json.replace(/(?!\n)[\p{C}\p{Zl}\p{Zp}]/gu, (char) =>
    Array.from({ length: char.length }, (_, i) => char.charCodeAt(i))
      .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

/** A URL to print or to log: without user and password, and without the query, which often holds a token. */
export function shownUrl(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return printable(host === '' ? `${protocol}${pathname}` : `${protocol}//${host}${pathname}`);
}
