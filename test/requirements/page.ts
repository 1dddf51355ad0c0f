import { ACCEPTING } from './rfc6455-accepting.ts';
import { AROUND } from './rfc6455-around.ts';
import { CLOSING } from './rfc6455-closing.ts';
import { FRAMES } from './rfc6455-frames.ts';
import { OPENING } from './rfc6455-opening.ts';
import { COMPRESSION } from './rfc7692.ts';
import type { Rule } from './rule.ts';

export interface Document {
  readonly name: string;
  readonly rules: readonly Rule[];
}

/** Sorts rules by section, as in the RFC. */
const inOrder = (rules: readonly Rule[]): Rule[] =>
  rules.toSorted((a, b) => a.section.localeCompare(b.section, 'en', { numeric: true }));

export const DOCUMENTS: readonly Document[] = [
  { name: 'RFC 6455', rules: inOrder([...OPENING, ...ACCEPTING, ...FRAMES, ...CLOSING, ...AROUND]) },
  { name: 'RFC 7692', rules: COMPRESSION },
];

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const code = (text: string): string => `\`\` ${text} \`\``.replace(/^`` ([^`]*) ``$/, '`$1`');

function how({ how: way }: Rule): string {
  if ('why' in way) return `—: ${way.why}`;
  const where = way.code.map((place) => {
    const [file, name] = place.split('#') as [string, string];
    return `[${file}](../src/${file}) ${code(name)}`;
  });
  const tests = way.tests.map((test) => {
    const at = test.indexOf(': ');
    return `[${test.slice(0, at)}](../test/${test.slice(0, at)}.test.ts): ${code(test.slice(at + 2))}`;
  });
  return `${where.join(', ')}<br>${tests.join('<br>')}`;
}

const count = (rules: readonly Rule[]): number => rules.reduce((sum, { times }) => sum + times, 0);

function documentPage({ name, rules }: Document): string[] {
  const numbers = new Map<string, number>();
  const ours = rules.filter(({ how: way }) => 'code' in way);
  const lines = rules.map((rule) => {
    const number = (numbers.get(rule.section) ?? 0) + 1;
    numbers.set(rule.section, number);
    const level = rule.times === 1 ? rule.level : `${rule.level} (${rule.times}×)`;
    return `| §${rule.section}/${number} | ${level} | ${rule.of} | ${cell(rule.says)} | ${cell(how(rule))} |`;
  });
  return [
    `## ${name}`,
    '',
    `${rules.length} rules for ${count(rules)} key words. Code keeps ${ours.length} of them and tests prove it; ${rules.length - ours.length} have a reason instead, after “—:”.`,
    '',
    '| Rule | Level | Binds | Rule in short | Code that keeps it, and tests that prove it |',
    '| --- | --- | --- | --- | --- |',
    ...lines,
    '',
  ];
}

/** docs/requirements.md. */
export const requirementsPage = (): string =>
  [
    '# Every rule of the protocol, with its code and its tests',
    '',
    'This page lists each MUST, MUST NOT, SHOULD and SHOULD NOT of the RFCs (also SHALL, REQUIRED and RECOMMENDED) in the order of the',
    'RFC. MAY is not listed. If a section repeats a key word for one rule, the rule is one line with the number of key words.',
    'A test checks the page: every file and name exists, every title belongs to a test, and every line has code and tests, or a reason.',
    '`npm run docs` makes the page from `test/requirements/`.',
    '',
    'A part of a title stands for all tests whose titles contain it.',
    '',
    ...DOCUMENTS.flatMap(documentPage),
  ].join('\n');
