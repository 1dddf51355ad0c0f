import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { test, type TestContext } from 'node:test';
import { waitUntil } from '../../src/testing/index.ts';
import { noRedis, RedisServer } from '../cluster/redis/server.ts';
import { type Example, runExample, type Running, startExample } from '../examples/run-example.ts';
import { freePort } from '../interop/free-port.ts';
import { balance, BALANCERS, EXAMPLE } from './balancers.ts';
import { compose, healthCheck, NO_YAML, redisArguments } from './files.ts';

const installed = existsSync(join(EXAMPLE, 'node_modules', 'redis'));
const NO_PACKAGE =
  NO_YAML || (installed ? false : 'needs the package redis: npm ci --prefix examples/cluster');
const NO_SIGNALS = process.platform === 'win32' ? 'there a signal kills' : false;
const LONG = { deadlineMs: 60_000 };

const linesOf = ({ output }: Running, pattern: RegExp): string[][] =>
  [...output().matchAll(pattern)].map(([, ...parts]) => parts);
const published = (client: Running): string[][] => linesOf(client, /^published (\S+) at (\d+)$/gm);
const received = (client: Running): string[][] => linesOf(client, /^message (\d+) (\S+)$/gm);

const node = (t: TestContext, redis: RedisServer, port: number): Promise<Example> =>
  runExample(t, 'cluster/node.js', {
    env: {
      PORT: String(port),
      REDIS_URL: `redis://127.0.0.1:${redis.port}`,
      READY_DELAY_MS: '500',
    },
  });
const untilReady = (port: number): Promise<unknown> =>
  waitUntil(
    async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
      return answer?.status === 200;
    },
    { ...LONG, description: 'a node that is ready' },
  );

const DEPLOYS = [
  { balancer: BALANCERS[0]!, signal: 'SIGTERM', down: /^down 1012 deploy$/ },
  { balancer: BALANCERS[1]!, signal: 'SIGTERM', down: /^down 1012 deploy$/ },
  { balancer: BALANCERS[0]!, signal: 'SIGKILL', down: /^down 1006 $/ },
] as const;

for (const { balancer, signal, down } of DEPLOYS) {
  const skip = NO_SIGNALS || noRedis || NO_PACKAGE || balancer.found.skip;
  test(`EX-01 SD-02 HI-04 SC-05 behind ${balancer.name}, two nodes end one after the other by ${signal}, and clients get every message once and in order`, {
    skip,
  }, async (t) => {
    const redis = await RedisServer.start(...redisArguments(compose()));
    t.after(() => redis.end());
    const ports = [await freePort(), await freePort()] as const;
    const nodes = await Promise.all(ports.map((port) => node(t, redis, port)));
    await Promise.all(ports.map(untilReady));
    const url = `ws://127.0.0.1:${await balance(t, balancer, ports)}/`;
    const client = (...name: string[]): Running =>
      startExample(t, 'cluster/client.js', {
        args: [url, 'harbour', ...name],
        env: { SPREAD_MS: '300', PACE_MS: '10' },
      });
    const listeners = [client(), client(), client()];
    for (const listener of listeners) await listener.waitForOutput(/^subscribed$/m);
    const publishers = [client('ann'), client('ben')];
    /** Every publisher publishes 30 more messages, and every listener gets messages. */
    const goesOn = async (): Promise<void> => {
      const before = publishers.map((each) => published(each).length);
      await waitUntil(() => publishers.every((each, at) => published(each).length >= before[at]! + 30), LONG);
      const [, top = ''] = published(publishers[0]!).at(-1)!;
      await waitUntil(
        () => listeners.every((each) => Number(received(each).at(-1)?.[0]) >= Number(top)),
        LONG,
      );
    };
    await goesOn();
    for (const [at, port] of ports.entries()) {
      const { child, exit, output } = nodes[at]!;
      child.kill(signal);
      const [code] = await exit;
      if (signal === 'SIGTERM') {
        assert.equal(code, 0, output());
        assert.match(output(), /^drained: [1-5] closed, 0 cut$/m);
      }
      nodes[at] = await node(t, redis, port);
      await untilReady(port);
      await goesOn();
    }
    for (const { child } of publishers) child.kill('SIGTERM');
    for (const { exit, output } of publishers) assert.deepEqual(await exit, [0, null], output());

    const stored = new Map(publishers.flatMap(published).map(([text, offset]) => [Number(offset), text]));
    const last = Math.max(...stored.keys());
    await waitUntil(() => listeners.every((each) => received(each).at(-1)?.[0] === String(last)), LONG);
    const unknown = publishers.flatMap((each) => linesOf(each, /^unknown (\S+)$/gm).flat());
    for (const each of [...listeners, ...publishers]) {
      const downs = linesOf(each, /^(down .*)$/gm).flat();
      assert.ok(downs.length > 0, 'it was on a node that ended');
      for (const line of downs) assert.match(line, down);
      assert.doesNotMatch(each.output(), /^lost$/m);
    }
    for (const listener of listeners) {
      const got = received(listener);
      for (const [at, [offset, text]] of got.entries()) {
        assert.equal(Number(offset), at + 1, 'no message is lost, and none comes twice');
        const asPublished = stored.get(at + 1);
        if (asPublished === undefined) assert.ok(unknown.includes(text!), `${text} was not confirmed`);
        else assert.equal(text, asPublished);
      }
      assert.equal(got.length, last);
      assert.equal(new Set(got.map(([, text]) => text)).size, last, 'no message is stored twice');
      listener.child.kill('SIGTERM');
      assert.deepEqual(await listener.exit, [0, null]);
    }
    t.diagnostic(`${last} messages, ${unknown.length} of them unknown to their publisher`);
  });
}

test('EX-01 SC-07 a node without Redis is alive, but not ready, and the health check of Compose says so', {
  skip: NO_SIGNALS || noRedis || NO_PACKAGE,
}, async (t) => {
  const redis = await RedisServer.start();
  t.after(() => redis.end());
  const { port, child, exit, waitForOutput, output } = await node(t, redis, 0);
  const check = (): number | null => {
    const [program, ...args] = healthCheck(compose()).map((word) => word.replace(':8080/', `:${port}/`));
    assert.equal(program, 'node');
    return spawnSync(process.execPath, args).status;
  };
  await untilReady(port);
  assert.equal(check(), 0);
  await redis.kill();
  await waitForOutput(/^Redis is away: /m);
  assert.equal(check(), 1);
  const answers = await Promise.all(
    ['healthz', 'readyz'].map((path) => fetch(`http://127.0.0.1:${port}/${path}`)),
  );
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 503],
  );
  assert.deepEqual(await answers[1]!.json(), { ready: false, reasons: ['engine'] });
  await redis.run();
  await waitForOutput(/^Redis is back after \d+ ms$/m);
  assert.equal(check(), 0);
  child.kill('SIGTERM');
  assert.deepEqual(await exit, [0, null], output());
});
