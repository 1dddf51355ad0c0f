import { type Case, GROUPS, groupOf, type GroupName } from '../case.ts';
import { closingCases } from './closing.ts';
import { controlCases } from './control.ts';
import { deflateCases, deflateAttacks, deflateOffers } from './deflate.ts';
import { fragmentationCases } from './fragmentation.ts';
import { framingCases } from './framing.ts';
import { handshakeAttacks } from './handshake-attacks.ts';
import { headCases } from './handshake-head.ts';
import { handshakeCases } from './handshake.ts';
import { lengthCases } from './lengths.ts';
import { limitAttacks, limitCases } from './limits.ts';
import { maskingCases } from './masking.ts';
import { responseCases } from './responses.ts';
import type { Role } from '../model.ts';
import { utf8Cases } from './utf8.ts';

/** Makes all cases, on demand: they hold megabytes of messages. */
const all = (): readonly Case[] =>
  [
    handshakeCases(),
    headCases(),
    responseCases(),
    framingCases(),
    lengthCases(),
    maskingCases(),
    fragmentationCases(),
    controlCases(),
    utf8Cases(),
    closingCases(),
    limitCases(),
    deflateOffers(),
    deflateCases(),
    handshakeAttacks(),
    limitAttacks(),
    deflateAttacks(),
  ].flat();

function isFor(one: Case, tested: Role): boolean {
  if (one.kind === 'frames') return one.only === undefined || one.only === tested;
  return one.kind === (tested === 'server' ? 'request' : 'response');
}

/** Cases for servers or clients, group by group. */
export function casesFor(tested: Role): Case[] {
  const cases = all().filter((one) => isFor(one, tested));
  return (Object.keys(GROUPS) as GroupName[]).flatMap((group) =>
    cases.filter(({ id }) => groupOf(id) === group),
  );
}

/**
 * Selects cases by a list of IDs and globs. The name of a group selects all its cases.
 * @returns The cases, and the patterns that match no case.
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
