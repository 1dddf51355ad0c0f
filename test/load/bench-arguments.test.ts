import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { waitUntil } from '../../src/testing/index.ts';
import { fakeIo } from '../cli/fake-io.ts';
import { bench, PATIENT, QUICK } from './stage.ts';

test('CM-08: load on another machine needs a yes from the user', async () => {
  const refused = await bench(['example.com', ...QUICK]);
  assert.equal(refused.code, 2);
  assert.match(refused.io.errLines.join(), /example\.com is not this machine: add --yes/);
  const output = new PassThrough();
  const io = fakeIo(true, { output, hasColours: false });
  io.input.end('n\n');
  assert.equal((await bench(['ws://198.51.100.1/', ...QUICK], io)).code, 1);
  assert.match(
    String(output.read()),
    /198\.51\.100\.1 is not this machine\. Does its owner agree to the load\? \[y\/N\]/,
  );
});

test('CM-08: Ctrl-C at the question counts as no', async () => {
  const output = new PassThrough();
  const io = fakeIo(true, { output, hasColours: false });
  const run = bench(['ws://198.51.100.1/', ...QUICK], io);
  await waitUntil(() => output.readableLength > 0, PATIENT);
  io.interrupt();
  assert.equal((await run).code, 1);
  assert.deepEqual(io.errLines, []);
});

const WRONG: readonly (readonly [args: readonly string[], sentence: string])[] = [
  [[], 'the URL of the server is missing'],
  [['ftp://localhost/'], 'its scheme is ftp:, not ws:, wss: or ws+unix:'],
  [['ws://localhost/#part'], 'it has a fragment'],
  [['localhost', '--mode', 'chaos'], "--mode is 'chaos'; it must be echo, fan-out, handshake or idle"],
  [['localhost', '--binary', '--multibyte'], '--binary and --multibyte exclude each other'],
  [['localhost', '-d', '1', '--duration-ms', '1'], '--duration and --duration-ms exclude each other'],
  [['localhost', '--connections', '0'], "--connections is '0'"],
  [['localhost', '--publishes', '2'], '--publishes has no effect with --mode echo, only with fan-out'],
  [['localhost', '-m', 'idle'], '--mode idle measures the memory of a process'],
  [['localhost', '-s', '268435456', '-c', '1000'], 'allow more than 4 GiB of unanswered messages'],
  [
    ['localhost', '-m', 'fan-out', '-s', '268435456', '--publishes', '65536'],
    '--size and --publishes together',
  ],
  [['localhost', '-H', 'no colon'], "--header is 'no colon'"],
  [['localhost', '--cert', 'a.pem'], '--cert: cannot read the file: ENOENT'],
];
for (const [args, sentence] of WRONG) {
  test(`CM-01 CM-08: 'hawser bench ${args.join(' ')}' prints one sentence`, async () => {
    const { code, io } = await bench(args);
    assert.equal(code, sentence.includes('ENOENT') ? 1 : 2);
    assert.equal(io.errLines.length, 1);
    assert.ok(io.errLines[0]?.includes(sentence), io.errLines[0]);
  });
}

test('CM-01 CM-08: hawser bench --help fits into 100 columns and has examples', async () => {
  const { code, io } = await bench(['--help']);
  assert.equal(code, 0);
  const help = io.outLines.join('\n');
  for (const line of help.split('\n')) assert.ok(line.length <= 100, line);
  assert.match(help, /\nExamples:\n {2}hawser bench /);
});
