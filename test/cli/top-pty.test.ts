import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test, type TestContext } from 'node:test';
import { WebSocketServer } from '../../src/index.ts';
import { ADMIN_PROTOCOL } from '../../src/observe/index.ts';
import { waitForEvent, waitUntil } from '../../src/testing/index.ts';
import { DrawnScreen } from './full-screen.ts';
import { madeSnapshot } from './made-snapshot.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.js');
const TEST = {
  skip: process.platform === 'linux' ? false : 'needs the script of util-linux',
  timeout: 120_000,
};
const PATIENT = { deadlineMs: 20_000 };

/** `hawser top` in a real terminal of 80 × 24, without colours. */
async function inTerminal(t: TestContext, env: Readonly<Record<string, string>> = {}) {
  const server = new WebSocketServer({ protocols: [ADMIN_PROTOCOL] });
  t.after(() => server.shutdown({ timeoutMs: 1_000 }));
  const { port } = await server.listen(0, '127.0.0.1');
  server.on('message', (connection, message) => {
    const made = madeSnapshot();
    const view = JSON.parse(String(message)) as typeof made.connections.view;
    connection.send(JSON.stringify({ ...made, connections: { ...made.connections, view } }));
  });
  const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const facts = join(folder, 'facts');
  // The terminal's name and the settings before and after.
  const command = `stty cols 80 rows 24; tty > ${facts}; stty -g >> ${facts}; '${process.execPath}' '${MAIN}' top 127.0.0.1:${port}; echo "exit $?"; stty -g >> ${facts}`;
  const child = spawn('script', ['--quiet', '--flush', '--command', command, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, TERM: 'xterm', LC_ALL: 'C.UTF-8', NO_COLOR: '1', SHELL: '/bin/sh', ...env },
  });
  t.after(() => child.kill('SIGKILL'));
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  const closed = waitForEvent(child, 'close', PATIENT);
  const screen = (): DrawnScreen => DrawnScreen.of(out);
  const factLines = (): string[] => readFileSync(facts, 'utf8').trimEnd().split('\n');
  return {
    server,
    screen,
    shows: (part: string) => waitUntil(() => screen().text.includes(part), { ...PATIENT, description: part }),
    type: (keys: string) => void child.stdin.write(keys),
    resize: (columns: number, rows: number) => {
      const { status } = spawnSync('stty', [
        '-F',
        factLines()[0]!,
        'cols',
        String(columns),
        'rows',
        String(rows),
      ]);
      assert.equal(status, 0);
    },
    /** Waits for the end, and checks that the terminal is as it was. */
    ended: async (...exits: readonly number[]) => {
      await closed;
      const end = screen();
      assert.ok(!end.isAlternate && end.isCursorShown, 'the terminal has its own screen and cursor again');
      assert.match(end.text, new RegExp(`exit (?:${exits.join('|')})$`));
      const [, before, after] = factLines();
      assert.equal(after, before, 'stty -g');
    },
  };
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
