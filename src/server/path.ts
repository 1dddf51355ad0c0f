import type { PathRule } from './option-types.ts';
import { verdictOf } from './verdict.ts';

/** Compiles the `path` option. What a function throws passes through; anything but `true` and `false` is misuse. */
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
