import { createHash, timingSafeEqual } from 'node:crypto';
import { checkCount } from './call-check.ts';
import { MisuseError } from '../protocol/errors.ts';

/**
 * Compares two secrets, such as tokens. The time does not depend on where they differ, nor on the length of the right one.
 * `===` leaks a secret through its timing, character by character.
 * @throws MisuseError `ERR_ARGUMENT` for anything but strings.
 */
export function timingSafeEqualText(a: string, b: string): boolean {
  checkCount('timingSafeEqualText', arguments, 2);
  // The message shows types only: the values are secrets.
  if (typeof a !== 'string' || typeof b !== 'string')
    throw new MisuseError(
      'ERR_ARGUMENT',
      `timingSafeEqualText compares two strings, not ${typeof a} and ${typeof b}`,
    );
  const digest = (text: string): Buffer => createHash('sha256').update(text, 'utf16le').digest();
  return timingSafeEqual(digest(a), digest(b));
}
