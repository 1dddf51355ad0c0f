import type { PathRule } from './option-types.ts';
import { verdictOf } from './verdict.ts';

/** Compiles the `path` option. A function counts only if it returns exactly `true`; what it throws passes through, and a promise is misuse. */
export function compilePath(rule: PathRule | undefined): (path: string) => boolean {
  if (rule === undefined) return () => true;
  if (typeof rule === 'string') return (path) => path === rule;
  if (typeof rule === 'function') {
    const serves: (path: string) => unknown = rule;
    return (path) => verdictOf('path', serves(path));
  }
  // A pattern that remembers where it stopped would match every other request only.
  const pattern = new RegExp(rule.source, rule.flags.replace(/[gy]/g, ''));
  return (path) => pattern.test(path);
}
