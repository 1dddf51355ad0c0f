import type { Writable } from 'node:stream';
import { ADMIN_SORTS, type AdminView } from '../../observe/index.ts';
import { tlsOf, warnIfInsecure } from '../client-flags.ts';
import { type Command, type CommandIo, EXIT, UsageError } from '../command.ts';
import { COMMON_FLAGS, type Flag, type FlagValues, parseFlags, textOf, wholeNumberOf } from '../flags.ts';
import { helpText } from '../help.ts';
import { jsonLine } from '../json.ts';
import { adminTargetOf } from './admin-target.ts';
import { report } from './frame.ts';
import { follow } from './once.ts';
import { Rates } from './rates.ts';
import { Viewer } from './viewer.ts';

const WHAT_FLAGS: readonly Flag[] = [
  {
    name: 'sort',
    value: `<${ADMIN_SORTS.join('|')}>`,
    says: 'order of the connections, largest first',
    default: 'buffered',
  },
  {
    name: 'filter',
    value: '<text>',
    says: 'only connections whose id, address, subprotocol, state or a topic contains the text',
  },
  { name: 'limit', value: '<n>', says: 'maximum number of connections to show; at most 500', default: '50' },
];
const ACCESS_FLAGS: readonly Flag[] = [
  {
    name: 'token',
    value: '<token>',
    says: 'token of the admin port; it may stand in the URL instead, as #token=…',
  },
  { name: 'ca', value: '<file>', says: 'PEM file of the authorities to trust instead of the default ones' },
  {
    name: 'insecure',
    says: 'accept any server certificate; unsafe: an attacker can read and change the traffic',
  },
  { name: 'timeout-ms', value: '<ms>', says: 'time limit of connecting, and of --once', default: '10,000' },
];
const OUTPUT_FLAGS: readonly Flag[] = [
  { name: 'once', says: 'print one snapshot and exit' },
  { name: 'json', says: 'print each snapshot as a line of JSON, once a second' },
  { name: 'ascii', says: 'draw without block characters' },
  ...COMMON_FLAGS,
];
const FLAGS = [...WHAT_FLAGS, ...ACCESS_FLAGS, ...OUTPUT_FLAGS];

const help = (): string =>
  helpText(
    'hawser top <admin-url> [flags]',
    [
      'Shows what a server does, once a second, in the terminal: limits, rates, latency, the slowest',
      'connections, closes, refusals, topics and events; and all servers that it shares topics with. The',
      'server needs an admin port: hawser serve --admin-port 9090, or the option admin.',
      '',
      'Keys:',
      '  s, S        sort by the next or previous column',
      '  /           filter the connections; Enter applies, Esc keeps the old filter',
      '  p, space    pause and go on',
      '  up, down    choose a connection; Esc chooses none',
      '  c           close the chosen connection with 1012, if the admin port allows actions',
      '  q           quit',
    ],
    [
      { title: 'What', flags: WHAT_FLAGS },
      { title: 'Access', flags: ACCESS_FLAGS },
      { title: 'Output', flags: OUTPUT_FLAGS },
    ],
    [
      { command: 'hawser top localhost:9090', says: 'watch a server of this machine' },
      { command: 'hawser top https://ops.example/#token=…', says: 'the URL of its page works, too' },
      {
        command: 'hawser top localhost:9090 --sort dropped --filter room:7',
        says: 'who loses messages in a room',
      },
      { command: 'hawser top localhost:9090 --once --json', says: 'one snapshot for a script' },
    ],
  );

/** @throws UsageError for invalid values. */
function viewOf(flags: FlagValues): AdminView {
  const given = textOf(flags, 'sort') ?? 'buffered';
  const sort = ADMIN_SORTS.find((one) => one === given);
  if (sort === undefined) throw new UsageError(`--sort is '${given}'; it must be ${ADMIN_SORTS.join(', ')}`);
  const filter = textOf(flags, 'filter') ?? '';
  if (filter.length > 200) throw new UsageError(`--filter has ${filter.length} characters; 200 are allowed`);
  return { sort, limit: wholeNumberOf(flags, 'limit', 50, 1, 500), filter };
}

async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const { flags, positionals } = parseFlags(args, FLAGS, 1);
  if (flags.has('help')) {
    io.out(help());
    return EXIT.DONE;
  }
  const [url] = positionals;
  if (url === undefined)
    throw new UsageError('the URL of an admin port is missing, as in hawser top localhost:9090');
  const timeoutMs = wholeNumberOf(flags, 'timeout-ms', 10_000, 1, 2 ** 31 - 1);
  const target = adminTargetOf(url, textOf(flags, 'token'), tlsOf(flags));
  const unicode = io.hasUnicode && !flags.has('ascii');
  const settings = { view: viewOf(flags), unicode, connectTimeoutMs: timeoutMs };
  const [once, json] = [flags.has('once'), flags.has('json')];
  const { terminal } = io;
  warnIfInsecure(flags, io);
  if (!once && !json) {
    if (terminal === undefined)
      throw new UsageError('top needs a terminal; --once or --json work without one');
    return Viewer.run(target, terminal, settings, io);
  }
  const rates = new Rates();
  const columns = widthOf(terminal?.output) ?? 80;
  return follow(
    target,
    settings,
    (snapshot) => {
      rates.add(snapshot);
      // Load and rates of a server are differences: the first snapshot of a viewer has none. Other servers answer later.
      if (once && (snapshot.gauges.loopUtilization === null || snapshot.cluster.nodes === null)) return false;
      if (json) io.out(jsonLine({ ...snapshot }));
      else {
        const paper = { columns, rows: 0, colours: terminal?.hasColours === true, unicode };
        for (const line of report(snapshot, rates, paper)) io.out(line);
      }
      return once;
    },
    once ? timeoutMs : undefined,
    io,
  );
}

const widthOf = (output: (Writable & { readonly columns?: number }) | undefined): number | undefined =>
  output?.columns;

export const top: Command = Object.freeze({
  name: 'top',
  summary: 'watch a running server in the terminal',
  help,
  run,
});
