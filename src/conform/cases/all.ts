import { type Case, GROUPS, groupOf, type GroupName } from '../case.ts';
import { CLOSING } from './closing.ts';
import { CONTROL } from './control.ts';
import { DEFLATE, DEFLATE_ATTACKS, DEFLATE_OFFERS } from './deflate.ts';
import { FRAGMENTATION } from './fragmentation.ts';
import { FRAMING } from './framing.ts';
import { HANDSHAKE, HANDSHAKE_ATTACKS } from './handshake.ts';
import { LENGTHS } from './lengths.ts';
import { ATTACKS, LIMITS } from './limits.ts';
import { MASKING } from './masking.ts';
import { RESPONSES } from './responses.ts';
import type { Role } from '../model.ts';
import { UTF8 } from './utf8.ts';

const ALL: readonly Case[] = [
  HANDSHAKE,
  RESPONSES,
  FRAMING,
  LENGTHS,
  MASKING,
  FRAGMENTATION,
  CONTROL,
  UTF8,
  CLOSING,
  LIMITS,
  DEFLATE_OFFERS,
  DEFLATE,
  HANDSHAKE_ATTACKS,
  ATTACKS,
  DEFLATE_ATTACKS,
].flat();

function isFor(one: Case, tested: Role): boolean {
  if (one.kind === 'frames') return one.only === undefined || one.only === tested;
  return one.kind === (tested === 'server' ? 'request' : 'response');
}

/** Cases for servers or clients, group by group. */
export function casesFor(tested: Role): Case[] {
  const cases = ALL.filter((one) => isFor(one, tested));
  return (Object.keys(GROUPS) as GroupName[]).flatMap((group) =>
    cases.filter(({ id }) => groupOf(id) === group),
  );
}

/**
 * The cases that a list of IDs and globs names; a group's name stands for all its cases.
 * @returns Also those patterns that name none.
 */
export function selected(
  cases: readonly Case[],
  patterns: readonly string[],
): { readonly cases: Case[]; readonly unknown: string[] } {
  if (patterns.length === 0) return { cases: [...cases], unknown: [] };
  const tests = patterns.map((pattern) => {
    const source = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`));
    return { pattern, test: new RegExp(`^${source.join('.*')}(?:\\..*)?$`) };
  });
  return {
    cases: cases.filter(({ id }) => tests.some(({ test }) => test.test(id))),
    unknown: tests.filter(({ test }) => !cases.some(({ id }) => test.test(id))).map(({ pattern }) => pattern),
  };
}
