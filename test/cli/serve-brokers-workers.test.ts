import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { noNats } from '../cluster/nats/server.ts';
import { noRedis } from '../cluster/redis/server.ts';
import {
  brokerFor,
  clientOf,
  command,
  NATS_PACKAGES,
  project,
  publish,
  REDIS_PACKAGES,
  skipWithout,
  topics,
  until,
} from './broker-run.ts';

/** Whether a process has an open TCP connection to a port of this machine. */
function isConnected(process: number, port: number): boolean {
  const to = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const ESTABLISHED = '01';
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1);
  const sockets = new Set<string>();
  for (const line of lines) {
    const [, , remote, state, , , , , , inode] = line.trim().split(/\s+/);
    if (remote === to && state === ESTABLISHED) sockets.add(`socket:[${inode}]`);
  }
  const folder = `/proc/${process}/fd`;
  return readdirSync(folder).some((file) => {
    try {
      return sockets.has(readlinkSync(join(folder, file)));
    } catch {
      // Closed meanwhile.
      return false;
    }
  });
}

describe('serve with brokers and workers', { concurrency: 3 }, () => {
  for (const [flag, packages, noServer, more] of [
    ['redis', REDIS_PACKAGES, noRedis, ['--history', '*']],
    ['nats', NATS_PACKAGES, noNats, []],
  ] as const)
    test(`SC-02 SC-03 CM-04: with --workers and --${flag} each worker is a node of the broker, and the primary has no connection`, {
      skip: skipWithout(packages, noServer),
    }, async (t) => {
      const { url, server } = await brokerFor(t, flag);
      const folder = project(t, packages[0]!);
      // Another server, without workers, on the same broker.
      const other = await topics(t, folder, `--${flag}`, url, ...more);
      const run = await topics(
        t,
        folder,
        '--json',
        '--workers',
        '2',
        '--admin-port',
        '0',
        `--${flag}`,
        url,
        ...more,
      );
      const far = await clientOf(t, other);
      assert.equal((await far.ask('subscribe', { topic: 'news' }))['op'], 'ok');
      const clients = [await clientOf(t, run), await clientOf(t, run)];
      for (const client of clients)
        assert.equal((await client.ask('subscribe', { topic: 'news' }))['op'], 'ok');
      await until('a message at every client', async () => {
        await publish(other, 'news', 'hello');
        return [far, ...clients].every((client) => client.texts().includes('hello'));
      });
      await publish(run, 'news', 'back');
      await until('a message back', () => far.texts().includes('back'));
      // Nodes, and connections of processes: the primary is none of them.
      const workers = Array.from(run.out().matchAll(/"event":"workerUp".*?"process":(\d+)/g), ([, id]) =>
        Number(id),
      );
      assert.equal(new Set(workers).size, 2);
      const connected = [other.child.pid!, ...workers].map((id) => isConnected(id, server.port));
      assert.deepEqual([connected, isConnected(run.child.pid!, server.port)], [[true, true, true], false]);
      const admin = /"adminUrl":"(.*?)"/.exec(run.out())![1]!;
      const metrics = async (): Promise<string> => (await fetch(new URL('/metrics', admin))).text();
      assert.match(await metrics(), /^hawser_workers 2$/m);
      assert.match(await metrics(), /^hawser_connections\{state="open"\} 2$/m);
      await run.kill('SIGTERM');
      assert.equal(run.child.exitCode, 0, run.err());
    });

  test('GN-08 CM-04: with --workers and without a client package no worker starts, and one sentence names the package', async (t) => {
    const folder = project(t);
    const run = command(t, folder, '--topics', '--workers', '2', '--redis', 'redis://127.0.0.1');
    await until('the end', () => run.child.exitCode !== null);
    assert.equal(run.child.exitCode, 1);
    const needs = `--redis needs the package ioredis or redis, which is not installed in ${folder}: npm install ioredis`;
    assert.equal(run.err(), `hawser: ${needs}\n`);
  });

  test('GN-08 CM-04: with --workers and a client package that cannot be loaded the workers and the command end', async (t) => {
    const folder = project(t);
    const name = join(folder, 'node_modules', 'ioredis');
    mkdirSync(name, { recursive: true });
    writeFileSync(join(name, 'index.js'), "throw new Error('broken');");
    const run = command(t, folder, '--topics', '--workers', '2', '--redis', 'redis://127.0.0.1');
    await until('the end', () => run.child.exitCode !== null);
    assert.equal(run.child.exitCode, 1);
    assert.match(run.err(), /^hawser: --redis: the package ioredis cannot be loaded: Error: broken$/m);
    assert.match(run.err(), /worker \d ended before it listened \(exit code 1\); its message is above/);
  });
});
