import {
  CONNECT_OPTION_TABLE,
  type ConnectOptionRule,
  DEFAULT_CONNECT_OPTIONS,
} from '../src/options/resolve-connect-options.ts';
import {
  CONNECTION_OPTION_TABLE,
  DEFLATE_TABLE,
  PLATFORM_OPTION_TABLE,
} from '../src/options/connection-option-table.ts';
import {
  ALERT_TABLE,
  BREAKER_TABLE,
  DEFAULT_ALERTS,
  DEFAULT_BREAKER,
  DEFAULT_LOAD_CONTROL,
  LOAD_CONTROL_TABLE,
} from '../src/options/load-control-options.ts';
import { DEFAULT_METRICS, METRICS_OPTION_TABLE } from '../src/options/metrics-options.ts';
import { SERVER_RATE_LIMIT_TABLE } from '../src/options/rate-limit-options.ts';
import { DEFAULT_VIOLATION_LIMIT, VIOLATION_LIMIT_TABLE } from '../src/options/violation-options.ts';
import { DEFAULT_DEFLATE_SETTINGS } from '../src/options/resolve-options.ts';
import { METRICS } from '../src/observe/index.ts';
import { ADMIN_TABLE, DEFAULT_ADMIN } from '../src/options/admin-options.ts';
import { DEFAULT_ENDPOINTS, ENDPOINT_TABLE } from '../src/options/endpoint-options.ts';
import { ERRORS, type ErrorRule } from '../src/protocol/errors.ts';
import { type OptionRule, SERVER_OPTION_TABLE } from '../src/options/server-option-table.ts';
import { RUN_TIME_TABLE } from '../src/options/run-time-options.ts';
import { DEFAULT_SERVER_OPTIONS } from '../src/options/resolve-server-options.ts';

const number = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 5 });
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
  origin: 'a string',
  signal: 'an `AbortSignal`',
  proxy: 'a URL, `http:` or `https:`',
  stream: 'a `Duplex`',
  deflate: '`true`, `false`, or an object (below)',
  metrics: '`true`, `false`, or an object (below)',
  violations: '`false`, or an object (below)',
  text: 'a string',
  secret: 'a string',
  endpoint: 'a path, or `false`',
  endpoints: 'an object (below)',
  admin: '`false`, or an object (below)',
  loadControl: '`true`, `false`, or an object (below)',
  breaker: '`true`, `false`, or an object (below)',
  alerts: '`true`, `false`, or an object (below)',
  history: 'a rule about topics, or a list of them',
  presence: 'a rule about topics, or a list of them',
} as const;

function allowed(rule: OptionRule | ConnectOptionRule): string {
  if ('min' in rule) {
    const unit = rule.kind === 'count' || rule.kind === 'ratio' ? '' : ` ${rule.kind}`;
    return `${number(rule.min)} to ${number(rule.max)}${unit}${rule.orFalse ? ', or `false`' : ''}`;
  }
  if (rule.kind === 'levels') return `two ascending numbers up to ${number(rule.upTo)}, or \`false\``;
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
  if (name === 'endpoints') return 'none';
  if (name === 'breaker' || name === 'alerts') return '`true`';
  if (name === 'memoryBudget') return 'one for the process, 268,435,456 bytes';
  if (name === 'lookup') return '`dns.lookup`';
  const value: unknown = Reflect.get(defaults, name);
  if (value === undefined || value === '') return 'none';
  if (typeof value === 'number') return number(value);
  if (Array.isArray(value)) return `\`[${value.join(', ')}]\``;
  return typeof value === 'string' ? `\`'${value}'\`` : `\`${JSON.stringify(value)}\``;
}

const changes = (name: string): string => (Reflect.get(RUN_TIME_TABLE, name) === true ? 'yes' : 'no');

/** Names of options that both server and client have. */
const SHARED: ReadonlySet<string> = new Set([
  ...Object.keys(CONNECTION_OPTION_TABLE),
  ...Object.keys(PLATFORM_OPTION_TABLE),
]);

/** docs/options.md: every option of the server, and the options that only a client has. */
export function optionsPage(): string {
  return [
    '# Options of the server',
    '',
    'The constructor checks all options. An unknown name, a value out of range, or two options that contradict each other',
    'throw `MisuseError` with the code `ERR_OPTION`. The message names the option, the value and the range. A missing or',
    '`undefined` option has its default. Limits on memory are finite and always on; a policy that you can switch off',
    'accepts `false`. `server.configure` changes the options with “yes” in the last column while the server runs:',
    'see [configuration](configuration.md).',
    '',
    row('Option', 'Default', 'Allowed', 'Meaning', 'Changes at run time'),
    row('---', '---', '---', '---', '---'),
    ...Object.entries(SERVER_OPTION_TABLE).map(([name, rule]) =>
      row(`\`${name}\``, shownDefault(name), allowed(rule), rule.says, changes(name)),
    ),
    '',
    '## `rateLimit`',
    '',
    'The limit applies to each connection, or with `key` to all connections with the same key together. Set at least one of the two rates. Every message and every control frame counts',
    'as one message; bytes are counted on the wire. For a chat, 100 messages and 1 MiB per second are plenty.',
    '',
    row('Field', 'Allowed', 'Meaning'),
    row('---', '---', '---'),
    ...Object.entries(SERVER_RATE_LIMIT_TABLE).map(([name, rule]) =>
      row(`\`${name}\``, allowed(rule), rule.says),
    ),
    '',
    '## `perMessageDeflate`',
    '',
    '`true` means an object with all defaults. [compression.md](compression.md) says what compression costs, and when not to use it.',
    '',
    row('Field', 'Default', 'Allowed', 'Meaning'),
    row('---', '---', '---', '---'),
    ...Object.entries(DEFLATE_TABLE).map(([name, rule]) =>
      row(`\`${name}\``, shownDefault(name, DEFAULT_DEFLATE_SETTINGS), allowed(rule), rule.says),
    ),
    '',
    '## `violationLimit`',
    '',
    'Counts connections of an address that end with cause `protocol-error` or `invalid-utf8`. Addresses are counted as for the',
    'other limits per address: IPv6 by `ipv6PrefixBits`, without `exemptAddresses`.',
    '',
    row('Field', 'Default', 'Allowed', 'Meaning'),
    row('---', '---', '---', '---'),
    ...Object.entries(VIOLATION_LIMIT_TABLE).map(([name, rule]) =>
      row(`\`${name}\``, shownDefault(name, DEFAULT_VIOLATION_LIMIT), allowed(rule), rule.says),
    ),
    '',
    '## `metrics`',
    '',
    '`true` means an object with all defaults. [metrics.md](metrics.md) lists what the server counts without and with this option.',
    '',
    row('Field', 'Default', 'Allowed', 'Meaning'),
    row('---', '---', '---', '---'),
    ...Object.entries(METRICS_OPTION_TABLE).map(([name, rule]) =>
      row(`\`${name}\``, shownDefault(name, DEFAULT_METRICS), allowed(rule), rule.says),
    ),
    '',
    '## `endpoints`',
    '',
    'Paths that the server answers itself, for GET and HEAD. [admin.md](admin.md) shows probes for Kubernetes and balancers.',
    '',
    row('Field', 'Default', 'Allowed', 'Meaning'),
    row('---', '---', '---', '---'),
    ...Object.entries(ENDPOINT_TABLE).map(([name, rule]) =>
      row(`\`${name}\``, shownDefault(name, DEFAULT_ENDPOINTS), allowed(rule), rule.says),
    ),
    '',
    '## `admin`',
    '',
    'A port for operators. `port` is required. [admin.md](admin.md) shows the page, and how to keep it from strangers.',
    '',
    row('Field', 'Default', 'Allowed', 'Meaning'),
    row('---', '---', '---', '---'),
    ...Object.entries(ADMIN_TABLE).map(([name, rule]) =>
      row(`\`${name}\``, shownDefault(name, DEFAULT_ADMIN), allowed(rule), rule.says),
    ),
    '',
    '## `loadControl`',
    '',
    '`true` means an object with all defaults. A signal has two thresholds, `[elevated, critical]`, or `false` to ignore it.',
    '[load-control.md](load-control.md) says what happens at each level, and how to tune it.',
    '',
    row('Field', 'Default', 'Allowed', 'Meaning'),
    row('---', '---', '---', '---'),
    ...Object.entries(LOAD_CONTROL_TABLE).map(([name, rule]) =>
      row(`\`${name}\``, shownDefault(name, DEFAULT_LOAD_CONTROL), allowed(rule), rule.says),
    ),
    '',
    '### `loadControl.breaker`',
    '',
    'The circuit breaker for an `upgrade` hook that keeps failing: it throws, rejects, or exceeds `upgradeTimeoutMs`.',
    '',
    row('Field', 'Default', 'Allowed', 'Meaning'),
    row('---', '---', '---', '---'),
    ...Object.entries(BREAKER_TABLE).map(([name, rule]) =>
      row(`\`${name}\``, shownDefault(name, DEFAULT_BREAKER), allowed(rule), rule.says),
    ),
    '',
    '### `loadControl.alerts`',
    '',
    'From these values the server emits `alert`, once, and again when the value is lower.',
    '',
    row('Field', 'Default', 'Allowed', 'Meaning'),
    row('---', '---', '---', '---'),
    ...Object.entries(ALERT_TABLE).map(([name, rule]) =>
      row(`\`${name}\``, shownDefault(name, DEFAULT_ALERTS), allowed(rule), rule.says),
    ),
    '',
    '# Options of a client',
    '',
    'These are the second argument of `connect`. They are checked in the same way; the promise rejects with the',
    '`MisuseError`. A client also has the server options from `maxMessageBytes` to `perMessageDeflate`, and `logger`,',
    '`clock` and `random`, with the same defaults. The other options are:',
    '',
    row('Option', 'Default', 'Allowed', 'Meaning'),
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
  ['peer', 'The peer broke a rule or exceeded a limit'],
  ['transport', 'The connection was lost'],
  ['misuse', 'The call was wrong (`MisuseError`, thrown to the caller)'],
  ['client', 'A client could not connect'],
  ['engine', 'A call of an engine failed (`EngineError`, in the result of `publish`)'],
];

/** docs/errors.md: every error code. */
export function errorsPage(): string {
  const rules: [string, ErrorRule][] = Object.entries(ERRORS);
  return [
    '# Error codes',
    '',
    'Codes are stable. Branch on `error.code`; `error.message` is for people. Failures of the peer or the network are never',
    'thrown. They are in `CloseInfo.error`, in the `error` event of the connection, and in the log. Sections are of RFC 6455',
    'unless another document is named.',
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

const METRICS_BEGIN = '<!-- metrics: written by npm run docs -->\n';
const METRICS_END = '<!-- end -->\n';

/**
 * docs/metrics.md with the table of all metrics.
 * @param page The page as it is.
 */
export function metricsPage(page: string): string {
  const [before, rest] = page.split(METRICS_BEGIN);
  const [, after] = (rest ?? '').split(METRICS_END);
  if (before === undefined || after === undefined)
    throw new Error('docs/metrics.md has no place for the table');
  const table = [
    row('Metric', 'Kind', 'Labels', 'Meaning'),
    row('---', '---', '---', '---'),
    ...METRICS.map(({ name, kind, labels, help, from, buckets }) =>
      row(
        `\`${name}\``,
        from === 'server' ? kind : `${kind}, *${from}*`,
        labels.map((label) => `\`${label}\``).join(', '),
        buckets === undefined
          ? help
          : `${help}. Buckets ${number(buckets[0]!)} to ${number(buckets.at(-1)!)}`,
      ),
    ),
  ];
  return `${before}${METRICS_BEGIN}\n${table.join('\n')}\n\n${METRICS_END}${after}`;
}
