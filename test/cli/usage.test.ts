import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCommandLine } from '../../src/cli/commands.ts';
import { SERVER_FLAGS } from '../../src/cli/server-flags.ts';
import { SERVER_OPTION_TABLE } from '../../src/options/server-option-table.ts';
import { fakeIo } from './fake-io.ts';

/** Wrong command lines, and a part of the error for each. */
const WRONG: readonly (readonly [args: readonly string[], sentence: string])[] = [
  [['srve'], "there is no command 'srve'; the nearest is 'serve'"],
  [['help', 'srve'], "there is no command 'srve'; the nearest is 'serve'"],
  [['serve', '--prot', '1'], 'there is no flag --prot; the nearest is --port'],
  [['serve', '-x'], 'there is no flag -x. See'],
  [['bottom'], "there is no command 'bottom'. See"],
  [['benhc'], "there is no command 'benhc'; the nearest is 'bench'"],
  [['serve', '--ping-interval', '1'], 'there is no flag --ping-interval; the nearest is --ping-interval-ms'],
  [['serve', '--zzz'], 'there is no flag --zzz. See'],
  [['serve', '--port'], '--port needs a value: --port <n>'],
  [['serve', '--port', '--echo'], '--port needs a value: --port <n>'],
  [['serve', '--port', 'x'], "--port is 'x'; it must be a whole number from 0 to 65535"],
  [['serve', '--port', '65536'], "--port is '65536'; it must be a whole number from 0 to 65535"],
  [['serve', '--port=-1'], "--port is '-1'; it must be a whole number from 0 to 65535"],
  [['serve', '--port', '1', '-p', '2'], '-p was given twice'],
  [['serve', '--echo=yes'], "--echo takes no value, but was given 'yes'"],
  [['serve', '--echo', '--chat'], '--echo and --chat exclude each other'],
  [['serve', '--echo', '--relay', '--chat'], '--echo and --relay and --chat exclude each other'],
  [['serve', 'extra'], "unexpected argument 'extra'"],
  [['serve', '--no-echo'], 'there is no flag --no-echo'],
  [['serve', '--heartbeat', '--no-heartbeat'], '--no-heartbeat was given twice'],
  [
    ['serve', '--max-message-bytes', '0'],
    '--max-message-bytes is 0; it must be a whole number of bytes from 1 to',
  ],
  [
    ['serve', '--max-message-bytes', '1.5'],
    '--max-message-bytes is "1.5"; it must be a whole number of bytes',
  ],
  [['serve', '--max-message-bytes', '1e3'], '--max-message-bytes is "1e3"'],
  [['serve', '--max-message-bytes', 'off'], '--max-message-bytes is "off"'],
  [['serve', '--idle-timeout-ms', 'on'], '--idle-timeout-ms is "on"'],
  [['serve', '--on-overflow', 'explode'], "'close' or 'drop-newest' or 'drop-oldest'"],
  [['serve', '--allowed-origin', '*.app.example'], "origins such as 'https://app.example'"],
  [['serve', '--allowed-origin', 'foo'], "origins such as 'https://app.example', with scheme"],
  [['serve', '--allowed-host', 'a:80'], '--allowed-host[0] is "a:80"'],
  [['serve', '--path', 'socket'], '--path is "socket"; it must be a path that begins with'],
  [
    ['serve', '--ping-interval-ms', '500'],
    '--pong-timeout-ms is 10000; it must be below --ping-interval-ms, which is 500',
  ],
  [['serve', '--memory-budget', '0'], '--memory-budget is 0'],
  [['serve', '--memory-budget', 'much'], '--memory-budget is "much"'],
  [['serve', '--rate-limit', '0'], '--rate-limit is 0'],
  [['serve', '--compress-level', '10'], '--compress-level is 10'],
  [
    ['serve', '--compress-context-takeover', '--on-overflow', 'drop-oldest'],
    "--on-overflow is \"drop-oldest\"; it must be 'close', 'drop-newest' or 'conflate' with --compress-context-takeover",
  ],
  [['serve', '--rate-limit-action', 'throttle'], '--rate-limit-action needs a rate'],
  [['serve', '--violation-limit-refuse-ms', '5'], '--violation-limit-refuse-ms needs a number of violations'],
  [['serve', '--violation-limit', '0'], '--violation-limit is 0'],
  [['serve', '--rate-limit', '1', '--rate-limit-action', 'wait'], "'close' or 'throttle'"],
  [['serve', '--tls-cert', 'a.pem'], '--tls-cert and --tls-key go together'],
  [['serve', '--tls-key', 'a.pem'], '--tls-cert and --tls-key go together'],
  [['serve', '--tls-cert', 'a', '--tls-key', 'b', '--tls-self-signed'], 'exclude each other'],
  [['serve', '--trust-proxy', 'proxy.example'], '--trust-proxy[0] is "proxy.example"'],
  [['serve', '--trust-proxy', '0'], '--trust-proxy is 0'],
  [['serve', '--shutdown-timeout-ms', '0'], "--shutdown-timeout-ms is '0'"],
];

for (const [args, sentence] of WRONG) {
  test(`CM-01: 'hawser ${args.join(' ')}' is wrong usage and prints one sentence`, async () => {
    const io = fakeIo();
    assert.equal(await runCommandLine(args, io, '1.2.3'), 2);
    assert.deepEqual(io.outLines, []);
    assert.equal(io.errLines.length, 1);
    const [line = ''] = io.errLines;
    assert.ok(line.startsWith('hawser: ') && line.includes(sentence), line);
    assert.ok(!line.includes('\n') && /See hawser (serve )?--help\.$/.test(line), line);
  });
}

test('CM-01: --debug prints the stack of an error', async () => {
  const io = fakeIo();
  assert.equal(await runCommandLine(['serve', '--port', 'x', '--debug'], io, '1.2.3'), 2);
  assert.equal(io.errLines.length, 2);
  assert.match(io.errLines[1] ?? '', /UsageError[^]*\n {4}at /);
});

test('CM-01: a command line without arguments is wrong usage and prints the help', async () => {
  const io = fakeIo();
  assert.equal(await runCommandLine([], io, '1.2.3'), 2);
  assert.match(io.errLines.join('\n'), /^Usage: hawser <command>/);
});

for (const flag of ['--version', '-V']) {
  test(`CM-01: ${flag} prints the version`, async () => {
    const io = fakeIo();
    assert.equal(await runCommandLine([flag], io, '1.2.3'), 0);
    assert.deepEqual(io.outLines, ['1.2.3']);
  });
}

for (const args of [['--help'], ['-h'], ['help']]) {
  test(`CM-01: hawser ${args.join(' ')} lists the commands, with examples`, async () => {
    const io = fakeIo();
    assert.equal(await runCommandLine(args, io, '1.2.3'), 0);
    const help = io.outLines.join('\n');
    assert.match(help, /^Usage: hawser <command>/);
    assert.match(help, /\n {2}serve {2}/);
    assert.match(help, /\nExamples:\n {2}hawser serve/);
  });
}

for (const args of [
  ['serve', '--help'],
  ['serve', '-h', '--port', 'whatever'],
  ['help', 'serve'],
]) {
  test(`CM-01 CM-04: hawser ${args.join(' ')} lists every flag once, with examples, in 100 columns`, async () => {
    const io = fakeIo();
    assert.equal(await runCommandLine(args, io, '1.2.3'), 0);
    const help = io.outLines.join('\n');
    for (const { name } of SERVER_FLAGS) {
      const rows = help.match(new RegExp(`^ {2}--(\\[no-\\])?${name}( |$)`, 'gm'));
      assert.equal(rows?.length, 1, name);
    }
    for (const line of help.split('\n')) assert.ok(line.length <= 100, line);
    assert.match(help, /\nExamples:\n/);
  });
}

for (const name of ['connect', 'send', 'subscribe', 'bench', 'conform', 'top']) {
  for (const args of [
    [name, '--help'],
    ['help', name],
  ]) {
    test(`CM-01: hawser ${args.join(' ')} has flags and examples, in 100 columns`, async () => {
      const io = fakeIo();
      assert.equal(await runCommandLine(args, io, '1.2.3'), 0);
      const help = io.outLines.join('\n');
      assert.ok(help.startsWith(`Usage: hawser ${name} <`), help);
      assert.match(help, name === 'top' ? /\n {2}--token <token> / : /\n {2}-H, --header <name: value> /);
      assert.match(help, /\n {2}--debug {2,}print/);
      assert.match(help, new RegExp(`\\nExamples:\\n {2}(.* \\| )?hawser ${name} `));
      for (const line of help.split('\n')) assert.ok(line.length <= 100, line);
    });
  }
}

test('CM-04: each server option that a command line can set has a flag of the same name', () => {
  const names = new Set(SERVER_FLAGS.map(({ name }) => name));
  for (const [option, { kind }] of Object.entries(SERVER_OPTION_TABLE)) {
    if (
      [
        'function',
        'object',
        'tls',
        'metrics',
        'endpoints',
        'admin',
        'loadControl',
        'history',
        'presence',
      ].includes(kind)
    )
      continue;
    // Needs an engine, which only code can give.
    if (option === 'requireEngine') continue;
    // The client commands have --compress, too.
    const kebab = (option === 'perMessageDeflate' ? 'compress' : option).replace(
      /[A-Z]/g,
      (letter) => `-${letter.toLowerCase()}`,
    );
    const name =
      kind !== 'list' ? kebab : ({ 'exempt-addresses': 'exempt-address' }[kebab] ?? kebab.replace(/s$/, ''));
    assert.ok(names.has(name), `${option}: --${name}`);
  }
  for (const name of [
    'allowed-origin',
    'max-message-bytes',
    'ping-interval-ms',
    'pong-timeout-ms',
    'rate-limit',
    'compress-context-takeover',
    'compress-threshold-bytes',
    'load-control',
  ]) {
    assert.ok(names.has(name), name);
  }
});
