import { describeServerOptions, type OptionDescription } from '../../index.ts';
import { nearestName } from '../nearest-name.ts';
import { type CommandIo, UsageError } from '../command.ts';
import { HAVE_NO_FLAG, NEED_CODE } from '../server-flags.ts';
import { asUsage, checkedSwitch, checkedValue, valueOfTexts } from './checked-setting.ts';
import type { Setting, Settings } from './settings.ts';

const PREFIX = 'HAWSER_';
/** Variables of the command that set no option. */
const OTHERS: ReadonlySet<string> = new Set(['HAWSER_WORKER', 'HAWSER_PUBLISH_TOKEN']);
/** Where to listen has no variable. */
const ADDRESS: ReadonlyMap<string, string> = new Map([
  ['HAWSER_PORT', 'port'],
  ['HAWSER_HOST', 'host'],
]);
/** Kubernetes sets such variables in every container if a service is called `hawser` or `hawser-…`. */
const OF_KUBERNETES = /_SERVICE_(?:HOST|PORT)(?:_|$)|_PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_|$)|$)/;
const URL_OF_KUBERNETES = /^(?:tcp|udp|sctp):\/\//;

/** `rateLimit.bytesPerSecond` as `HAWSER_RATE_LIMIT_BYTES_PER_SECOND`. */
const variableOf = (path: string): string =>
  PREFIX +
  path
    .replaceAll('.', '_')
    .replace(/[A-Z]/g, (letter) => `_${letter}`)
    .toUpperCase();

const optionsIn = (
  options: Readonly<Record<string, OptionDescription>>,
  prefix = '',
): [path: string, rule: OptionDescription][] =>
  Object.entries(options).flatMap(([name, rule]): [string, OptionDescription][] => {
    const path = prefix + name;
    if (NEED_CODE.has(path)) return [];
    if (rule.kind !== 'group') return HAVE_NO_FLAG.has(rule.kind) ? [] : [[path, rule]];
    const members = optionsIn(rule.options ?? {}, `${path}.`);
    return rule.orFalse ? [[path, rule], ...members] : members;
  });
const OPTIONS = optionsIn(describeServerOptions());
const BY_VARIABLE: ReadonlyMap<string, readonly [path: string, rule: OptionDescription]> = new Map(
  OPTIONS.map(([path, rule]) => [variableOf(path), [path, rule]]),
);

/**
 * The options that variables of the environment set. An empty variable sets nothing.
 * @throws UsageError naming the variable, for an invalid value, and for a name that resembles a variable of Hawser.
 */
export function variableSettings(io: Pick<CommandIo, 'variable' | 'variableNames'>): Settings {
  const settings = new Map<string, Setting>();
  for (const name of io.variableNames()) {
    const text = io.variable(name) ?? '';
    if (!name.startsWith(PREFIX) || OTHERS.has(name) || text === '') continue;
    if (URL_OF_KUBERNETES.test(text) && OF_KUBERNETES.test(name)) continue;
    const known = BY_VARIABLE.get(name);
    if (known === undefined) {
      refuseMistaken(name);
      continue;
    }
    const [path, rule] = known;
    const written = writtenIn(text, path, rule, name);
    const value = rule.kind === 'group' ? written : asUsage(() => checkedValue(path, rule, written, name));
    settings.set(path, { value, written, label: name });
  }
  return settings;
}

/** The value as a file would have it. */
function writtenIn(text: string, path: string, rule: OptionDescription, name: string): unknown {
  const word = text === 'true' ? true : text === 'false' ? false : text;
  if (rule.kind === 'group')
    return checkedSwitch(path, rule, word, name, 'or missing: its options have variables of their own');
  if (rule.kind === 'boolean') return word;
  const texts = rule.kind === 'list' ? text.split(',').map((each) => each.trim()) : [text];
  return valueOfTexts(rule, texts, (each) => each === 'false' || each === 'off');
}

/** Refuses names that resemble a variable of Hawser. Other names may belong to other programs. */
function refuseMistaken(name: string): void {
  const address = ADDRESS.get(name);
  if (address !== undefined)
    throw new UsageError(
      `there is no variable ${name}: give --${address}, or ${address} in the file of --config`,
    );
  if (OF_KUBERNETES.test(name)) return;
  const nearest = nearestName(name, [...BY_VARIABLE.keys()]);
  if (nearest !== undefined) throw new UsageError(`there is no variable ${name}; the nearest is ${nearest}`);
}
