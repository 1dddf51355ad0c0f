import { MisuseError } from '../errors.ts';
import { isFieldValue, isToken } from './fields.ts';

/** Header fields to send, in order; a name may come twice. */
export type FieldList = Iterable<readonly [name: string, value: string]>;

/**
 * Renders one header field line.
 * @throws MisuseError `ERR_ARGUMENT` for a value that would break out of the line.
 */
export function renderField(name: string, value: string): string {
  if (typeof name !== 'string' || !isToken(name)) {
    throw new MisuseError('ERR_ARGUMENT', 'the name of a header is not a token');
  }
  if (typeof value !== 'string' || !isFieldValue(value)) {
    throw new MisuseError('ERR_ARGUMENT', `the value of ${name} holds characters that HTTP does not allow`);
  }
  return `${name}: ${value}\r\n`;
}
