import assert from 'node:assert/strict';
import { test } from 'node:test';
import { terminalLog } from '../../src/cli/terminal-log.ts';
import type { LogFields } from '../../src/engine/logger.ts';
import { fakeIo } from './fake-io.ts';

const clock = { wallNow: () => Date.UTC(2026, 0, 2, 3, 4, 5, 678) };
const failure = Object.assign(new Error('broken \u001b[2J'), { code: 'EPIPE' });
/** Has no JSON form. */
const nothing = () => 1;

/** Fields, how the line of text shows them, and how the line of JSON does. */
const FIELDS: readonly (readonly [fields: LogFields, shown: string, json: string])[] = [
  [{}, '', ''],
  [
    { port: 80, path: '/a-b', empty: '', unset: undefined },
    ' port=80 path=/a-b',
    ',"port":80,"path":"/a-b","empty":""',
  ],
  [{ reason: 'two words' }, ' reason="two words"', ',"reason":"two words"'],
  [{ host: 'a\u009bb' }, ' host="a\\u{9b}b"', ',"host":"a\\u009bb"'],
  [{ list: [1, 'x'] }, ' list=[1,"x"]', ',"list":[1,"x"]'],
  [{ call: nothing }, ` call=${String(nothing)}`, ''],
  [
    { err: failure },
    ' err="broken \\u001b[2J"',
    ',"err":{"name":"Error","message":"broken \\u001b[2J","code":"EPIPE"}',
  ],
  [{ err: new TypeError('x') }, ' err="x"', ',"err":{"name":"TypeError","message":"x"}'],
  [{ err: 'none' }, ' err=none', ',"err":"none"'],
];

for (const [fields, shown, json] of FIELDS) {
  test(`LG-02 CM-01: fields ${Object.keys(fields).join(', ')} in the log, as text and as JSON`, () => {
    const person = fakeIo(true);
    terminalLog({ ...person, errHasColours: false }, clock, false).warn(fields, 'it\u0007 is');
    const program = fakeIo(false);
    terminalLog(program, clock, false).warn(fields, 'it\u0007 is');
    assert.deepEqual(person.errLines, [`03:04:05.678 warn  it\\u{7} is${shown}`]);
    assert.deepEqual(program.errLines, [
      `{"time":"2026-01-02T03:04:05.678Z","level":"warn","text":"it\\u0007 is"${json}}`,
    ]);
  });
}

test('LG-02 CM-01: each level has its colour if colours are allowed; debug appears with --debug only', () => {
  for (const debug of [false, true]) {
    const io = fakeIo(true);
    const log = terminalLog(io, clock, debug);
    for (const level of ['debug', 'info', 'warn', 'error'] as const) log[level]({}, level);
    const lines = [
      ...(debug ? ['03:04:05.678 \u001b[2mdebug\u001b[0m debug'] : []),
      '03:04:05.678 \u001b[36minfo \u001b[0m info',
      '03:04:05.678 \u001b[33mwarn \u001b[0m warn',
      '03:04:05.678 \u001b[31merror\u001b[0m error',
    ];
    assert.deepEqual(io.errLines, lines);
  }
});

test('LG-02 CM-01: with --debug the stack follows an error', () => {
  const io = fakeIo(false);
  terminalLog(io, clock, true).error({ err: failure }, 'failed');
  assert.equal(io.errLines.length, 2);
  assert.equal(io.errLines[1], failure.stack);
});
