import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { TestContext } from 'node:test';
import { waitForEvent, waitUntil } from '../../src/testing/index.ts';
import { DrawnScreen } from './full-screen.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.js');
export const TEST = {
  skip: process.platform === 'linux' ? false : 'needs the script of util-linux',
  timeout: 120_000,
};
export const PATIENT = { deadlineMs: 60_000 };

/**
 * `hawser top` in a real terminal of 80 × 24, without colours.
 * @param port Of the admin port, on this machine.
 */
export function topInTerminal(t: TestContext, port: number, env: Readonly<Record<string, string>> = {}) {
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
