import type { Buffer } from 'node:buffer';
import { MisuseError } from '../protocol/errors.ts';
import { BYTES, checkArgument } from './call-check.ts';

/** The head of an HTTP response, as received. */
export interface ResponseHead {
  /** For example `HTTP/1.1`. */
  readonly version: string;
  readonly status: number;
  readonly reason: string;
  /** Values by name in lower case. Values of a repeated field are joined with `, `, in order. */
  readonly fields: ReadonlyMap<string, string>;
  /** The whole head in Latin-1, with the empty line. */
  readonly raw: string;
}

/**
 * Reads the response head at the start of `bytes`. Strict: accepts only the form that servers should send.
 * @returns `undefined` if the empty line is missing.
 * @throws MisuseError `ERR_ARGUMENT` if the bytes before it are not a response head.
 */
export function readResponseHead(bytes: Buffer): ResponseHead | undefined {
  checkArgument('readResponseHead', 'bytes', bytes, BYTES);
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const status = /^(HTTP\/\d\.\d) (\d{3}) (.*)$/.exec(statusLine);
  if (status === null)
    throw new MisuseError('ERR_ARGUMENT', `not a status line: ${JSON.stringify(statusLine)}`);
  const fields = new Map<string, string>();
  for (const line of lines) {
    const field = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*(.*?)[ \t]*$/.exec(line);
    if (field === null) throw new MisuseError('ERR_ARGUMENT', `not a field line: ${JSON.stringify(line)}`);
    const name = field[1]!.toLowerCase();
    const earlier = fields.get(name);
    fields.set(name, earlier === undefined ? field[2]! : `${earlier}, ${field[2]!}`);
  }
  return {
    version: status[1]!,
    status: Number(status[2]),
    reason: status[3]!,
    fields,
    raw: bytes.toString('latin1', 0, end + 4),
  };
}
