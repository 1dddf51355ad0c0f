import type { HeadLimits } from '../src/protocol/handshake/http-head.ts';

/** Source of a regular expression for one token. */
export const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const FIELD = new RegExp(`^(${TOKEN}):([\\t\\x20-\\x7e\\x80-\\xff]*)$`);
const REQUEST_LINE = new RegExp(`^(${TOKEN}) ([\\x21-\\x7e]+) HTTP/(\\d\\.\\d)$`);
const REQUEST_LINE_PREFIX = new RegExp(
  `^(?:${TOKEN}(?: (?:[\\x21-\\x7e]+(?: (?:H|HT|HTT|HTTP|HTTP/|HTTP/\\d|HTTP/\\d\\.|HTTP/\\d\\.\\d\\r?)?)?)?)?)?$`,
);
const FIELD_PREFIX = new RegExp(`^(?:\\r|${TOKEN}(?::[\\t\\x20-\\x7e\\x80-\\xff]*\\r?)?)?$`);

/**
 * An independent model of the grammar of a request head. It works on whole lines of text and is slow.
 * @returns Parts of the head and its bytes, the code of an error, or `undefined` while more bytes are needed.
 */
export function headModel(text: string, limits: HeadLimits): unknown {
  const seen = text.slice(0, limits.maxHeadBytes);
  const lines = seen.split('\r\n');
  const emptyLine = lines.length > 1 && lines[0] === '' ? lines.splice(0, 1).length : 0;
  const unfinished = lines.pop()!;
  const requestLine = lines.shift();
  if (requestLine === undefined) {
    const fits = REQUEST_LINE_PREFIX.test(unfinished) || (emptyLine === 0 && unfinished === '\r');
    return fits ? waiting(text, limits) : 'ERR_HEAD_SYNTAX';
  }
  const request = REQUEST_LINE.exec(requestLine);
  if (request === null) return 'ERR_HEAD_SYNTAX';
  const [, method, target, httpVersion] = request;
  const fields: [string, string][] = [];
  let headBytes = 2 * emptyLine + requestLine.length + 2;
  for (const line of lines) {
    headBytes += line.length + 2;
    if (line === '') return { method, target, httpVersion, fields, headBytes };
    if (fields.length === limits.maxHeaderFields && new RegExp(`^${TOKEN}`).test(line))
      return 'ERR_HEAD_TOO_BIG';
    const field = FIELD.exec(line);
    if (field === null) return 'ERR_HEAD_SYNTAX';
    fields.push([field[1]!.toLowerCase(), field[2]!.replace(/^[ \t]+/, '').replace(/[ \t]+$/, '')]);
  }
  if (fields.length === limits.maxHeaderFields && new RegExp(`^${TOKEN}`).test(unfinished))
    return 'ERR_HEAD_TOO_BIG';
  return FIELD_PREFIX.test(unfinished) ? waiting(text, limits) : 'ERR_HEAD_SYNTAX';
}

const waiting = (text: string, limits: HeadLimits): string | undefined =>
  text.length < limits.maxHeadBytes ? undefined : 'ERR_HEAD_TOO_BIG';
