// What a client costs: node build/bench/client.js [--rounds <n>] [--against <checkout>] [--only <text>] [--empty]
// The client of Hawser and that of `ws`, with and without bufferutil, in processes of their own, echo through one server and connect
// to it. The sides alternate. CPU time is that of the client.
import { join, resolve } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { Child, CORE } from './child.ts';
import type { ClientAnswer, ClientOrder } from './echo-clients.ts';
import { count } from './count.ts';
import { RIVALS } from './results.ts';
import type { Announcement } from './servers/announce.ts';
import { buildsOf, installedSides } from './sides.ts';
import { median } from './statistics.ts';

const USAGE = `Usage: node build/bench/client.js [flags]

  --rounds <n>         rounds in which the sides alternate (default 7)
  --only <text>        only cells whose name contains the text
  --against <folder>   also the client of another checkout that is built
  --empty              without the live heap of an application: V8 collects garbage more often in a small heap
`;
const CONNECTIONS = 64;
const WINDOW_MS = 500;
const CONNECTS = 400;

/** One measurement, by the order that the client gets. */
interface ClientCell {
  readonly name: string;
  readonly order: (url: string) => ClientOrder;
}

const ASCII = 'hawser, ';
const MULTIBYTE = 'Grüße, 世界! ';
const textOf = (bytes: number, unit: string): string => {
  const times = Math.floor(bytes / Buffer.byteLength(unit));
  return unit.repeat(times) + '.'.repeat(bytes - times * Buffer.byteLength(unit));
};

const CELLS: readonly ClientCell[] = [
  ...[128, 1_024, 16_384].flatMap((bytes) =>
    (
      [
        ['binary', ASCII],
        ['text', ASCII],
        ['multi-byte text', MULTIBYTE],
      ] as const
    )
      .filter(([kind]) => bytes === 16_384 || kind !== 'multi-byte text')
      .flatMap(([kind, unit]) =>
        [1, 16].map((pipeline) => ({
          name: `echo, ${bytes} B of ${kind}, pipeline ${pipeline}`,
          order: () => ({ text: textOf(bytes, unit), binary: kind === 'binary', pipeline, ms: WINDOW_MS }),
        })),
      ),
  ),
  ...[1, 32].map((atOnce) => ({
    name: `connect and close, ${atOnce} at a time`,
    order: (url: string) => ({ connects: CONNECTS, atOnce, url }),
  })),
];

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    only: { type: 'string', default: '' },
    against: { type: 'string' },
    empty: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(USAGE);
  process.exit();
}
const rounds = count('rounds', values.rounds);
const cells = CELLS.filter(({ name }) => name.includes(values.only));
if (cells.length === 0) throw new Error(`no cell contains '${values.only}'`);

const program = (name: string, ...args: string[]): string[] => [
  process.execPath,
  join(import.meta.dirname, `${name}.js`),
  ...args,
];
const client = (name: string, args: readonly string[], env = {}): Child =>
  new Child(name, CORE.LOAD, program('echo-clients', ...args, ...(values.empty ? ['--empty'] : [])), env);

const server = new Child('server', CORE.SERVER, program('servers/hawser'), {});
const sides = new Map([['Hawser', client('Hawser', [])]]);
if (values.against !== undefined) {
  // Refuses a folder without a build.
  buildsOf(values.against);
  const library = join(resolve(values.against), 'build', 'package', 'client.js');
  sides.set('earlier', client('earlier', [`--library=${library}`]));
}
const rivals = installedSides(false).filter(({ id }) => RIVALS.includes(id));
for (const { title, env } of rivals) sides.set(title, client(title, ['--ws'], env));
const names = [...sides.keys()];

try {
  const { ports } = await server.next<Announcement>();
  const url = `ws://127.0.0.1:${ports['echo']}/`;
  process.stdout.write(
    `${CONNECTIONS} connections, ${rounds} rounds; CPU of the client, and messages or connections a second\n\n| cell | ${names.join(' | ')} | better ws ÷ Hawser, CPU | Hawser ÷ better ws, rate |\n| --- |${' ---: |'.repeat(names.length + 2)}\n`,
  );
  const order = (side: string, one: ClientOrder): Promise<ClientAnswer> =>
    sides.get(side)!.ask(JSON.stringify(one));
  for (const { name, order: orderOf } of cells) {
    const figures = new Map(names.map((side) => [side, { micros: [] as number[], rates: [] as number[] }]));
    for (const side of names) await order(side, { open: CONNECTIONS, url });
    // The first round compiles.
    for (let round = 0; round <= rounds; round++)
      for (const side of names) {
        const { messages, cpuMicros, ms } = await order(side, orderOf(url));
        if (round === 0) continue;
        figures.get(side)!.micros.push(cpuMicros / messages);
        figures.get(side)!.rates.push((1_000 * messages) / ms);
      }
    const of = (side: string, figure: 'micros' | 'rates'): number => median(figures.get(side)![figure]);
    const cheaper = Math.min(...rivals.map(({ title }) => of(title, 'micros'))) / of('Hawser', 'micros');
    const faster = of('Hawser', 'rates') / Math.max(...rivals.map(({ title }) => of(title, 'rates')));
    const shown = names.map((side) => `${of(side, 'micros').toFixed(1)} µs, ${of(side, 'rates').toFixed(0)}`);
    process.stdout.write(
      `| ${name} | ${shown.join(' | ')} | ${cheaper.toFixed(2)} | ${faster.toFixed(2)} |\n`,
    );
  }
} finally {
  await Promise.all([server.kill(), ...[...sides.values()].map((side) => side.kill())]);
}
