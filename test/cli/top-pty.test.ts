import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { test, type TestContext } from 'node:test';
import { WebSocketServer } from '../../src/index.ts';
import { ADMIN_PROTOCOL } from '../../src/observe/index.ts';
import { waitUntil } from '../../src/testing/index.ts';
import { madeSnapshot } from './made-snapshot.ts';
import { PATIENT, TEST, topInTerminal } from './top-terminal.ts';

/** `hawser top` in a real terminal, with snapshots that were made for it. */
async function inTerminal(t: TestContext, env: Readonly<Record<string, string>> = {}) {
  const server = new WebSocketServer({ protocols: [ADMIN_PROTOCOL] });
  t.after(() => server.shutdown({ timeoutMs: 1_000 }));
  const { port } = await server.listen(0, '127.0.0.1');
  server.on('message', (connection, message) => {
    const made = madeSnapshot();
    const view = JSON.parse(String(message)) as typeof made.connections.view;
    connection.send(JSON.stringify({ ...made, connections: { ...made.connections, view } }));
  });
  return { server, ...topInTerminal(t, port, env) };
}

test(
  'CM-11: top in a terminal of 80 × 24: everything has its place, sizes change, q ends it',
  TEST,
  async (t) => {
    const { screen, shows, type, resize, ended } = await inTerminal(t);
    await shows('q quit');
    assert.ok(screen().isAlternate && !screen().isCursorShown);
    const lines = screen().text.split('\n');
    assert.equal(lines.length, 24);
    for (const line of lines) assert.ok(line.length <= 80, line);
    assert.match(lines[0]!, /^ chat-1 on vm7, pid 4711 {2}READY /);
    assert.match(lines[1]!, /^Connections █+.·+ 850 \/ 1,000 {2}Loop busy +█+.·+ 31 %$/);
    assert.match(lines[8]!, /^ ID +ADDRESS +AGE STATE +IN\/S +OUT\/S BUFFER▾ +RTT +TOP +DROP$/);
    resize(100, 30);
    await waitUntil(() => screen().text.split('\n').length === 30, PATIENT);
    type('s');
    await shows('s sort: in ');
    type('q');
    await ended(0);
  },
);

test(
  'CM-11: Ctrl-C ends top in a terminal with 130, also while it draws without Unicode',
  TEST,
  async (t) => {
    const { screen, shows, type, ended } = await inTerminal(t, { LC_ALL: 'POSIX' });
    await shows('q quit');
    assert.match(screen().text.replaceAll('µ', 'u').replaceAll('·', ''), /^[\x20-\x7e\n]*$/);
    type('\u0003');
    await ended(130);
  },
);

for (const signals of [['SIGTERM'], ['SIGTERM', 'SIGTERM']] as const) {
  test(`CM-11: ${signals.join(' and ')} gives a real terminal back`, TEST, async (t) => {
    const { server, shows, ended } = await inTerminal(t);
    await shows('q quit');
    const { port } = server.address() as { readonly port: number };
    // By its command line, which no other process has: the port is ours.
    const { stdout } = spawnSync('pgrep', ['-f', `main.js top 127.0.0.1:${port}$`], { encoding: 'utf8' });
    const pid = Number(stdout.trim().split('\n')[0]);
    for (const signal of signals) process.kill(pid, signal);
    // A second signal may arrive when top has restored the terminal and no longer handles signals: 143.
    await (signals.length === 1 ? ended(130) : ended(130, 143));
  });
}
