import assert from 'node:assert/strict';
import process from 'node:process';
import { test, type TestContext } from 'node:test';
import { connect } from '../../src/index.ts';
import type { AdminSnapshot } from '../../src/observe/index.ts';
import { waitUntil } from '../../src/testing/index.ts';
import { fakeIo, served } from './fake-io.ts';
import { runCommandLine } from '../../src/cli/commands.ts';
import { PATIENT, TEST, topInTerminal } from './top-terminal.ts';

/** `hawser serve --workers 2` with an admin port, and four clients. */
async function working(t: TestContext) {
  const io = fakeIo();
  const flags = ['--json', '--workers', '2', '--admin-port', '0', '--shutdown-timeout-ms', '500'];
  const server = await served(...flags, { io });
  const clients = await Promise.all([1, 2, 3, 4].map(() => connect(server.url.href)));
  for (const client of clients) client.send('hello');
  t.after(async () => {
    for (const client of clients) client.terminate();
    await server.stop();
  });
  const url = new URL(String(server.events('listening')[0]!['adminUrl']));
  return { server, url };
}

/** One snapshot of `top --once --json`. */
async function snapshotOf(url: URL): Promise<AdminSnapshot> {
  const io = fakeIo();
  assert.equal(await runCommandLine(['top', url.host, '--once', '--json'], io, '0.0.0'), 0);
  return JSON.parse(io.outLines[0]!) as AdminSnapshot;
}

test(
  'CM-11 SC-02: top in a terminal of 80 × 24 shows the workers of serve --workers, also one that is restarted',
  TEST,
  async (t) => {
    const { server, url } = await working(t);
    const { screen, shows, type, ended } = topInTerminal(t, Number(url.port));
    await shows('total of 2');
    const lines = (): string[] => screen().text.split('\n');
    const row = (number: number): string => lines().find((each) => each.startsWith(` ${number}  pid `)) ?? '';
    await waitUntil(() => /ready +2 .* +0 +\d+s$/.test(row(1)), PATIENT);
    assert.equal(lines().length, 24);
    for (const line of lines()) assert.ok(line.length <= 80, line);
    assert.match(
      lines().find((line) => line.includes('WORKER')) ?? '',
      /STATE +CONN +IN\/S +OUT\/S +QUEUED +LOOP +DELAY +RST +UP$/,
    );
    const victim = server.events('workerUp').find((event) => event['number'] === 2)!;
    process.kill(Number(victim['process']), 'SIGKILL');
    await waitUntil(() => row(2) !== '' && / 1 +\d+s$/.test(row(2)), PATIENT);
    await shows('ended: SIGKILL');
    type('q');
    await ended(0);
  },
);

test('CM-11 SC-02: top --once --json has each worker of serve --workers and their sum', TEST, async (t) => {
  const { url } = await working(t);
  let snapshot: AdminSnapshot | undefined;
  await waitUntil(async () => (snapshot = await snapshotOf(url)).cluster.totals?.answered === 2, PATIENT);
  const { cluster, gauges, connections, stats } = snapshot!;
  assert.deepEqual(
    cluster.nodes!.map(({ name, worker }) => [name, worker?.state, worker?.restarts]),
    [
      ['worker 1', 'up', 0],
      ['worker 2', 'up', 0],
    ],
  );
  assert.equal(new Set(cluster.nodes!.map(({ pid }) => pid)).size, 2);
  assert.deepEqual([cluster.totals!.connections, gauges.connections.now, stats.connections.now], [4, 4, 4]);
  assert.equal(connections.matching, 4);
  assert.ok(cluster.nodes!.every(({ worker }) => worker!.loopUtilization !== null));
  assert.ok(
    stats.messages.handlerSeconds !== undefined,
    'workers measure as with an admin port of their own',
  );
});
