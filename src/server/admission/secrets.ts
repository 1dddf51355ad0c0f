import { createHash, timingSafeEqual } from 'node:crypto';
import { checkCount } from '../../options/call-check.ts';
import { MisuseError } from '../../protocol/errors.ts';

/**
 * Compares two secrets, such as tokens, in a time that tells nothing about where they differ, nor how long the right one
 * is. `===` gives a secret away, one character after the other.
 * @throws MisuseError `ERR_ARGUMENT` for anything but strings.
 */
export function timingSafeEqualText(a: string, b: string): boolean {
  checkCount('timingSafeEqualText', arguments, 2);
  // A secret is not shown.
  if (typeof a !== 'string' || typeof b !== 'string')
    throw new MisuseError(
      'ERR_ARGUMENT',
      `timingSafeEqualText compares two strings, not ${typeof a} and ${typeof b}`,
    );
  const digest = (text: string): Buffer => createHash('sha256').update(text, 'utf16le').digest();
  return timingSafeEqual(digest(a), digest(b));
}
