import { type ServerOptions, WebSocketServer } from '../../index.ts';
import { type CommandIo, UsageError } from '../command.ts';
import { type Flag, type FlagValues, textOf, wholeNumberOf } from '../flags.ts';
import type { Mode } from '../serve-modes.ts';
import { flagNameOf, flagSettings } from '../server-flags.ts';
import { asUsage } from './checked-setting.ts';
import { fileSettings } from './file-settings.ts';
import { merged, nested, optionsOf, type Settings } from './settings.ts';
import { variableSettings } from './variable-settings.ts';

export const CONFIG_FLAGS: readonly Flag[] = [
  {
    name: 'config',
    value: '<file>',
    says: 'JSON file of server options, with port and host, named as in the API; SIGHUP reads it again. Variables HAWSER_<OPTION> win over the file, flags over both',
  },
  {
    name: 'print-config',
    says: 'print the options that flags, variables and the file set, as JSON, and exit',
  },
];

/** Addresses that only this machine can reach, and their names in a Host header. */
const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '::1']);
const LOOPBACK_HOSTS = ['localhost', '127.0.0.1', '[::1]'];
/** A message waits for the engine for 10 s at most: the answer can then say what became of it. */
export const PUBLISH_TIMEOUT_MS = 15_000;

/** What `serve` was told by flags, variables and its file. */
export interface ServeOptions {
  readonly port: number;
  readonly host: string;
  readonly settings: Settings;
  /** For the constructor; defaults that only the command has are filled in. */
  readonly options: ServerOptions;
}

/**
 * Reads flags, variables and the file of `--config`: flags win, then variables, then the file.
 * @throws UsageError naming the flag, the variable, or the file and its option; CommandError for a file that cannot be read.
 */
export function readServeOptions(flags: FlagValues, mode: Mode, io: CommandIo): ServeOptions {
  const path = textOf(flags, 'config');
  const file = path === undefined ? undefined : fileSettings(path);
  const settings = merged([file?.settings ?? new Map(), variableSettings(io), flagSettings(flags)]);
  const port = flags.has('port') ? wholeNumberOf(flags, 'port', 0, 0, 65_535) : (file?.port ?? 8080);
  const host = textOf(flags, 'host') ?? file?.host ?? '127.0.0.1';
  refuseIncomplete(settings);
  const options: ServerOptions = {
    ...(LOOPBACK.has(host) ? { allowedHosts: [...LOOPBACK_HOSTS] } : {}),
    ...(mode === 'topics' ? { upgradeTimeoutMs: PUBLISH_TIMEOUT_MS } : {}),
    ...optionsOf(settings),
  };
  // The constructor finds options that contradict each other. A server that does not listen holds no resources.
  asUsage(
    () => new WebSocketServer(options),
    (message) => withLabels(message, settings, file === undefined),
  );
  return { port, host, settings, options };
}

const SECRET = '(secret)';
const SECRETS_OF_TLS: ReadonlySet<string> = new Set(['key', 'pfx', 'passphrase', 'ticketKeys']);
const withoutSecrets = (tls: object): object =>
  Object.fromEntries(
    Object.entries(tls).map(([name, value]) => [
      name,
      SECRETS_OF_TLS.has(name) ? SECRET : (value as unknown),
    ]),
  );

/** The settings as a file for `--config`; secrets are not shown. */
export function printedConfig({ port, host, settings }: ServeOptions): string {
  const shown = nested(settings, ({ written }, path) => {
    if (path === 'admin.token') return SECRET;
    return path === 'tls' ? withoutSecrets(written as object) : written;
  });
  return JSON.stringify({ port, host, ...shown }, undefined, 2);
}

/** Groups whose members need one of `needed`, and how to say so. */
const INCOMPLETE = [
  {
    group: 'rateLimit.',
    needed: ['rateLimit.messagesPerSecond', 'rateLimit.bytesPerSecond'],
    flags: 'a rate: --rate-limit, --rate-limit-bytes-per-second or both',
    names: 'a rate: rateLimit.messagesPerSecond, rateLimit.bytesPerSecond or both',
  },
  {
    group: 'violationLimit.',
    needed: ['violationLimit.perMinute'],
    flags: 'a number of violations: --violation-limit <n>',
    names: 'a number of violations: violationLimit.perMinute',
  },
  { group: 'admin.', needed: ['admin.port'], flags: 'a port: --admin-port <n>', names: 'a port: admin.port' },
] as const;

/** @throws UsageError for members of groups that need another one. */
function refuseIncomplete(settings: Settings): void {
  for (const { group, needed, flags, names } of INCOMPLETE) {
    const given = [...settings].find(([path]) => path.startsWith(group));
    if (given === undefined || needed.some((path) => settings.has(path))) continue;
    const [, { label }] = given;
    throw new UsageError(`${label} needs ${label.startsWith('--') ? flags : names}`);
  }
}

/**
 * Replaces the names of options in an error message by where their values come from.
 * @param isFlagsOnly Options with their default are then called by their flags.
 */
const withLabels = (message: string, settings: Settings, isFlagsOnly: boolean): string =>
  message.replaceAll(/\b(?:[a-z]+[A-Z]|admin\.)[\w.]*\b/g, (name) => {
    const flag = isFlagsOnly ? flagNameOf(name) : undefined;
    return settings.get(name)?.label ?? (flag === undefined ? name : `--${flag}`);
  });
