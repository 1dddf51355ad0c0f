import { CLOSING } from './rfc6455-closing.ts';
import { FRAMES } from './rfc6455-frames.ts';
import { AROUND, OPENING } from './rfc6455-opening.ts';
import { COMPRESSION } from './rfc7692.ts';
import type { Rule } from './rule.ts';

export interface Document {
  readonly name: string;
  readonly rules: readonly Rule[];
}

/** Sections that state rules below one number are sorted as the RFC has them. */
const inOrder = (rules: readonly Rule[]): Rule[] =>
  rules.toSorted((a, b) => a.section.localeCompare(b.section, 'en', { numeric: true }));

export const DOCUMENTS: readonly Document[] = [
  { name: 'RFC 6455', rules: inOrder([...OPENING, ...FRAMES, ...CLOSING, ...AROUND]) },
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
    `${rules.length} rules for ${count(rules)} key words; ${ours.length} are kept by code and proved by tests, for ${rules.length - ours.length} it says why not.`,
    '',
    '| Rule | Level | Binds | In our words | Where it is kept, and the tests that prove it |',
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
    'Each MUST, MUST NOT, SHOULD, SHOULD NOT of the documents, SHALL, REQUIRED and RECOMMENDED included, in the order in which',
    'they state them, the rule in our own words. A rule of several identical key words is one line and says how many. What MAY',
    'be done is not listed. A test reads this table: every file and name has to exist, every title has to be that of a test,',
    'and no line may be without code and tests, or a reason. The page is made from `test/requirements/` by `npm run docs`.',
    '',
    'Titles are given in part where several tests share it.',
    '',
    ...DOCUMENTS.flatMap(documentPage),
  ].join('\n');
