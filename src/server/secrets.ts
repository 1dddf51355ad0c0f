import { createHash, timingSafeEqual } from 'node:crypto';

/**
 * Compares two secrets, such as tokens, in a time that tells nothing about where they differ, nor how long the right one
 * is. `===` gives a secret away, one character after the other.
 */
export function timingSafeEqualText(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text, 'utf16le').digest();
  return timingSafeEqual(digest(a), digest(b));
}
