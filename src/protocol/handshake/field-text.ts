import { MisuseError } from '../errors.ts';
import { isFieldValue, isToken } from './fields.ts';

/** Header fields to send, in order; a name may come twice. */
export type FieldList = Iterable<readonly [name: string, value: string]>;

/**
 * Checks one header field.
 * @throws MisuseError `ERR_ARGUMENT` for a name that is not a token, or a value that would break out of the line.
 */
export function checkField(name: string, value: string): void {
  if (typeof name !== 'string' || !isToken(name)) {
    throw new MisuseError('ERR_ARGUMENT', 'the name of a header is not a token');
  }
  if (typeof value !== 'string' || !isFieldValue(value)) {
    throw new MisuseError('ERR_ARGUMENT', `the value of ${name} holds characters that HTTP does not allow`);
  }
}

/**
 * Renders one header field line.
 * @throws MisuseError `ERR_ARGUMENT` as {@link checkField}.
 */
export function renderField(name: string, value: string): string {
  checkField(name, value);
  return `${name}: ${value}\r\n`;
}
