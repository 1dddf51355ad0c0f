import assert from 'node:assert/strict';
import process from 'node:process';
import { test } from 'node:test';
import { waitUntil } from '../../src/testing/index.ts';
import { type Example, runExample, startExample } from './run-example.ts';

const PRODUCERS = ['ann', 'ben', 'eve'];
const LONG = { deadlineMs: 60_000 };
const signal = { skip: process.platform === 'win32' ? 'there a signal kills' : false };

const ordersOf = ({ output }: Example): string[] =>
  [...output().matchAll(/^order (\S+)$/gm)].map(([, id]) => id!);

test(
  'EX-01 SD-02 deploy: one server drains, its clients reconnect to the other, and no order is lost',
  signal,
  async (t) => {
    const env = { READY_DELAY_MS: '200', SPREAD_MS: '300' };
    const [old, next] = [
      await runExample(t, 'deploy/server.ts', { env }),
      await runExample(t, 'deploy/server.ts', { env }),
    ];
    const urls = [old, next].map(({ port }) => `http://127.0.0.1:${port}/`);
    const producers = PRODUCERS.map((name) =>
      startExample(t, 'deploy/producer.ts', { args: [name, ...urls], env }),
    );
    for (const name of PRODUCERS) await old.waitForOutput(new RegExp(`^order ${name}-50$`, 'm'));
    assert.equal((await old.fetch('/ready')).status, 200);
    assert.deepEqual(ordersOf(next), []);
    old.child.kill('SIGTERM');
    await waitUntil(async () => {
      const answer = await old.fetch('/ready').catch(() => undefined);
      return answer === undefined || answer.status === 503;
    }, LONG);

    assert.deepEqual(await old.exit, [0, null], 'it ends by itself');
    assert.equal(old.output().split('\n').at(-2), 'drained: 3 closed, 0 cut');
    for (const name of PRODUCERS) await next.waitForOutput(new RegExp(`^order ${name}-`, 'm'));
    for (const { child } of producers) child.kill('SIGTERM');
    let placed = 0;
    for (const { exit, output } of producers) {
      assert.deepEqual(await exit, [0, null], output());
      const [, count, connections] =
        /^(\d+) orders confirmed, (\d+) connections\n$/.exec(output()) ?? assert.fail(output());
      assert.equal(connections, '2');
      placed += Number(count);
    }
    const done = new Set([...ordersOf(old), ...ordersOf(next)]);
    for (const [i, name] of PRODUCERS.entries()) {
      const count = Number.parseInt(producers[i]!.output(), 10);
      for (let n = 1; n <= count; n++) assert.ok(done.has(`${name}-${n}`), `${name}-${n} is lost`);
    }
    assert.equal(done.size, placed, 'and every order that was done had been placed');
  },
);
