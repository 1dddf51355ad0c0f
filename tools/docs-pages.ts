import { RATE_LIMIT_TABLE } from '../src/connection/connection-option-table.ts';
import { ERRORS, type ErrorRule } from '../src/protocol/errors.ts';
import { type OptionRule, SERVER_OPTION_TABLE } from '../src/server/option-table.ts';
import { DEFAULT_SERVER_OPTIONS } from '../src/server/options.ts';

const number = (value: number): string => value.toLocaleString('en-US');
const row = (...cells: string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

const OTHERS = {
  boolean: '`true` or `false`',
  path: 'a path, a regular expression, or a function',
  function: 'a function',
  tls: 'an object of Node’s TLS options',
  budget: 'a `MemoryBudget`',
  rate: '`false`, or an object (below)',
} as const;

function allowed(rule: OptionRule): string {
  if ('min' in rule) {
    const unit = rule.kind === 'count' ? '' : ` ${rule.kind}`;
    return `${number(rule.min)} to ${number(rule.max)}${unit}${rule.orFalse ? ', or `false`' : ''}`;
  }
  if (rule.kind === 'enum') return rule.values.map((value) => `\`'${value}'\``).join(', ');
  if (rule.kind === 'object') return `an object with ${rule.methods.join(', ')}`;
  if (rule.kind !== 'list') return OTHERS[rule.kind];
  return [
    ...rule.words.map((word) => `\`'${word}'\``),
    `a list (${rule.of}s)`,
    ...(rule.orCount > 0 ? [`1 to ${rule.orCount}`] : []),
    ...(rule.orFunction ? ['a function'] : []),
    ...(rule.orFalse ? ['`false`'] : []),
  ].join(', ');
}

function shownDefault(name: string): string {
  if (name === 'clock' || name === 'random') return "the platform's";
  if (name === 'path') return 'any';
  if (name === 'memoryBudget') return 'one for the process, 268,435,456 bytes';
  const value: unknown = (DEFAULT_SERVER_OPTIONS as unknown as Record<string, unknown>)[name];
  if (value === undefined) return 'none';
  if (typeof value === 'number') return number(value);
  if (Array.isArray(value)) return '`[]`';
  return typeof value === 'string' ? `\`'${value}'\`` : `\`${JSON.stringify(value)}\``;
}

/** docs/options.md: every option of the server. */
export function optionsPage(): string {
  return [
    '# Options of the server',
    '',
    'All are checked by the constructor: an unknown name, a value out of range or two that contradict each other throw',
    '`MisuseError` with the code `ERR_OPTION`, and the message names option, value and range. Left out, or `undefined`,',
    'means the default. Limits on memory are finite and stay on; a policy that can be switched off takes `false`.',
    '',
    row('Option', 'Default', 'Allowed', 'What it is'),
    row('---', '---', '---', '---'),
    ...Object.entries(SERVER_OPTION_TABLE).map(([name, rule]) =>
      row(`\`${name}\``, shownDefault(name), allowed(rule), rule.says),
    ),
    '',
    '## `rateLimit`',
    '',
    'Per connection; at least one of the two rates. Every message and every control frame costs a message, wire bytes cost',
    'bytes. For chat-like use 100 messages and 1 MiB a second are plenty.',
    '',
    row('Field', 'Allowed', 'What it is'),
    row('---', '---', '---'),
    ...Object.entries(RATE_LIMIT_TABLE).map(([name, rule]) => row(`\`${name}\``, allowed(rule), rule.says)),
    '',
  ].join('\n');
}

const answer = (rule: ErrorRule): string =>
  rule.status !== undefined
    ? `HTTP ${rule.status}`
    : rule.closeCode !== undefined
      ? `close ${rule.closeCode}`
      : '';

const TITLES: readonly (readonly [ErrorRule['kind'], string])[] = [
  ['handshake', 'The opening handshake was refused'],
  ['peer', 'The peer broke a rule, or ran into a limit'],
  ['transport', 'The connection was lost'],
  ['misuse', 'The call was wrong (`MisuseError`, thrown at the caller)'],
  ['client', 'A client could not connect'],
];

/** docs/errors.md: every error code. */
export function errorsPage(): string {
  const rules: [string, ErrorRule][] = Object.entries(ERRORS);
  return [
    '# Error codes',
    '',
    'Codes are stable: branch on `error.code`, read `error.message`. What a peer or the network does is never thrown; it is',
    'in `CloseInfo.error`, in the `error` event of the connection, and in the log. Sections are of RFC 6455 unless another',
    'document is named.',
    ...TITLES.flatMap(([kind, title]) => [
      '',
      `## ${title}`,
      '',
      row('Code', 'Answer', 'Meaning', 'Section'),
      row('---', '---', '---', '---'),
      ...rules
        .filter(([, rule]) => rule.kind === kind)
        .map(([code, rule]) => row(`\`${code}\``, answer(rule), rule.says, rule.section)),
    ]),
    '',
  ].join('\n');
}
