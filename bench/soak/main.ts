// Scenarios of load, chaos and soak: npm run soak -- <name> [flags]
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, extname, resolve } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { count } from '../count.ts';
import { pageOf } from './page.ts';
import { runScenario } from './run.ts';
import { SCENARIOS } from './scenarios.ts';

const USAGE = `Usage: npm run soak -- <scenario> [flags]

Puts a server under a load, or in trouble, and judges what it does. The server and its clients have processes of their own.
Exits with 1, and says why, if a demand is not met; with 2 if the scenario cannot run.

  --minutes <n>       how long the load lasts; may have a fraction (default: see --list)
  --connections <n>   connections of the load (default: see --list)
  --rate <n>          messages a second of all connections together (default: see --list)
  --out <file>        writes the results to <file>.json, and a page with pictures to <file>.html
  --list              print the scenarios and end
  --help              this

Examples:
  npm run soak -- steady --minutes 60 --connections 200 --rate 100 --out /tmp/steady
  npm run soak -- ramp --connections 10000
  npm run soak -- reconnect-storm --minutes 2 --out storm
  ulimit -n 65536 && npm run soak -- many --connections 100000
`;

/** A fraction of a minute is allowed: a short run says whether a scenario works. */
function minutes(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 10_080))
    throw new Error(`--minutes is ${text}; it must be a number above 0, at most 10,080 (a week)`);
  return value;
}

const list = (): string => {
  const width = Math.max(...SCENARIOS.map(({ name }) => name.length));
  return SCENARIOS.map(
    ({ name, summary, defaults }) =>
      `${name.padEnd(width)}  ${summary}\n${' '.repeat(width)}  (--minutes ${defaults.minutes} --connections ${defaults.connections}${defaults.rate === 0 ? '' : ` --rate ${defaults.rate}`})\n`,
  ).join('');
};

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      minutes: { type: 'string' },
      connections: { type: 'string' },
      rate: { type: 'string' },
      out: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (values.list) {
    process.stdout.write(list());
    return 0;
  }
  const [name, ...more] = positionals;
  if (name === undefined) throw new Error('the name of a scenario is missing; --list prints them');
  if (more.length > 0) throw new Error(`unexpected argument '${more[0]}'`);
  const scenario = SCENARIOS.find((one) => one.name === name);
  if (scenario === undefined) throw new Error(`there is no scenario '${name}'; --list prints them`);
  const why = await scenario.unavailable?.();
  if (why !== undefined) throw new Error(`${name} cannot run here: ${why}`);
  const { defaults } = scenario;
  if (defaults.rate === 0 && values.rate !== undefined) throw new Error(`--rate: ${name} has no rate`);
  const results = await runScenario(scenario, {
    durationMs: 60_000 * minutes(values.minutes ?? String(defaults.minutes)),
    connections: count('connections', values.connections ?? String(defaults.connections)),
    rate: defaults.rate === 0 ? 0 : count('rate', values.rate ?? String(defaults.rate)),
  });
  if (values.out !== undefined) {
    const file = resolve(values.out.slice(0, values.out.length - extname(values.out).length));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(`${file}.json`, `${JSON.stringify(results, undefined, 1)}\n`);
    writeFileSync(`${file}.html`, pageOf(results));
    process.stdout.write(`written: ${file}.json, ${file}.html\n`);
  }
  for (const { demand, seen, isMet } of results.criteria)
    process.stdout.write(`${isMet ? 'met   ' : 'MISSED'} ${demand}: ${seen}\n`);
  for (const { demand, seen } of results.criteria.filter(({ isMet }) => !isMet))
    process.stderr.write(`soak: ${name} failed. Demanded: ${demand}. Seen: ${seen}\n`);
  return results.passes ? 0 : 1;
}

// Exits in order, so that network namespaces are removed. Processes that were started end with this one.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  process.once(signal, () => process.exit(code));

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`soak: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
