import {
  CONNECT_OPTION_TABLE,
  type ConnectOptionRule,
  DEFAULT_CONNECT_OPTIONS,
} from '../src/client/resolve-connect-options.ts';
import {
  CONNECTION_OPTION_TABLE,
  DEFLATE_TABLE,
  PLATFORM_OPTION_TABLE,
  RATE_LIMIT_TABLE,
} from '../src/connection/connection-option-table.ts';
import { DEFAULT_DEFLATE_SETTINGS } from '../src/connection/resolve-options.ts';
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
  clientTls: 'an object of Node’s TLS options',
  headers: '`Headers`, a list of pairs, or an object',
  origin: 'a text',
  signal: 'an `AbortSignal`',
  proxy: 'a URL, `http:` or `https:`',
  stream: 'a `Duplex`',
  deflate: '`true`, `false`, or an object (below)',
} as const;

function allowed(rule: OptionRule | ConnectOptionRule): string {
  if ('min' in rule) {
    const unit = rule.kind === 'count' ? '' : ` ${rule.kind}`;
    return `${number(rule.min)} to ${number(rule.max)}${unit}${rule.orFalse ? ', or `false`' : ''}`;
  }
  if (rule.kind === 'enum') return rule.values.map((value) => `\`'${value}'\``).join(', ');
  if (rule.kind === 'object') return `an object with ${rule.methods.join(', ')}`;
  if (rule.kind !== 'list') return OTHERS[rule.kind];
  return [
    ...rule.words.map((word) => `\`'${word}'\``),
    `a list (${rule.of === 'address' ? 'addresses' : `${rule.of}s`})`,
    ...(rule.orCount > 0 ? [`1 to ${rule.orCount}`] : []),
    ...(rule.orFunction ? ['a function'] : []),
    ...(rule.orFalse ? ['`false`'] : []),
  ].join(', ');
}

function shownDefault(name: string, defaults: object = DEFAULT_SERVER_OPTIONS): string {
  if (name === 'clock' || name === 'random') return "the platform's";
  if (name === 'path') return 'any';
  if (name === 'memoryBudget') return 'one for the process, 268,435,456 bytes';
  if (name === 'lookup') return '`dns.lookup`';
  const value: unknown = Reflect.get(defaults, name);
  if (value === undefined || value === '') return 'none';
  if (typeof value === 'number') return number(value);
  if (Array.isArray(value)) return '`[]`';
  return typeof value === 'string' ? `\`'${value}'\`` : `\`${JSON.stringify(value)}\``;
}

/** Names of options that both sides have. */
const SHARED: ReadonlySet<string> = new Set([
  ...Object.keys(CONNECTION_OPTION_TABLE),
  ...Object.keys(PLATFORM_OPTION_TABLE),
]);

/** docs/options.md: every option of the server, and those that only a client has. */
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
    '## `perMessageDeflate`',
    '',
    '`true` means an object in which all is left out. What it costs, and when not to use it, is in [compression.md](compression.md).',
    '',
    row('Field', 'Default', 'Allowed', 'What it is'),
    row('---', '---', '---', '---'),
    ...Object.entries(DEFLATE_TABLE).map(([name, rule]) =>
      row(`\`${name}\``, shownDefault(name, DEFAULT_DEFLATE_SETTINGS), allowed(rule), rule.says),
    ),
    '',
    '# Options of a client',
    '',
    'The second argument of `connect`. Checked in the same way; the promise rejects with the `MisuseError`. From',
    `\`maxMessageBytes\` to \`perMessageDeflate\`, and \`logger\`, \`clock\` and \`random\`, they are those of the server, with`,
    'the same defaults; besides them:',
    '',
    row('Option', 'Default', 'Allowed', 'What it is'),
    row('---', '---', '---', '---'),
    ...Object.entries(CONNECT_OPTION_TABLE)
      .filter(([name]) => !SHARED.has(name))
      .map(([name, rule]) =>
        row(`\`${name}\``, shownDefault(name, DEFAULT_CONNECT_OPTIONS), allowed(rule), rule.says),
      ),
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
