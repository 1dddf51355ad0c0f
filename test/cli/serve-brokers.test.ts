import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { describe, test } from 'node:test';
import { noNats } from '../cluster/nats/server.ts';
import { noRedis } from '../cluster/redis/server.ts';
import {
  brokerFor,
  type Client,
  clientOf,
  command,
  NATS_PACKAGES,
  project,
  publish,
  REDIS_PACKAGES,
  type Run,
  serve,
  skipWithout,
  topics,
  until,
} from './broker-run.ts';
import type { Frame } from './v1-client.ts';

const BEGINNING = { epoch: 'none', offset: 0 };

describe('serve with brokers', { concurrency: 3 }, () => {
  for (const [flag, name] of [
    ...REDIS_PACKAGES.map((name) => ['redis', name] as const),
    ...NATS_PACKAGES.map((name) => ['nats', name] as const),
  ]) {
    const skip = flag === 'redis' ? skipWithout(REDIS_PACKAGES, noRedis) : skipWithout(NATS_PACKAGES, noNats);
    test(`SC-03 CM-04: two servers with --${flag} and the package ${name} share topics and members`, {
      skip,
    }, async (t) => {
      const { url } = await brokerFor(t, flag);
      const folder = project(t, name);
      const [a, b] = await Promise.all(
        [0, 1].map(() => topics(t, folder, `--${flag}`, url, '--presence', '*')),
      );
      const [near, far] = [await clientOf(t, a!), await clientOf(t, b!)];
      for (const client of [near, far])
        assert.equal((await client.ask('subscribe', { topic: 'news' }))['op'], 'ok');
      // Without history the interest is not awaited.
      await until('a message of the other server', async () => {
        await publish(a!, 'news', 'hello');
        return far.texts().includes('hello');
      });
      assert.deepEqual((await publish(b!, 'news', 'back'))['ok'], true);
      await until('a message back', () => near.texts().includes('back'));
      await until('both members', async () => (await near.ask('presence', { topic: 'news' }))['count'] === 2);
      await a!.kill('SIGTERM');
      assert.equal(a!.child.exitCode, 0, a!.err());
    });
  }

  test('HI-03 CM-04: with --redis a history survives the kill -9 of a server, and clients resume after its restart', {
    skip: skipWithout(REDIS_PACKAGES, noRedis),
  }, async (t) => {
    const { url } = await brokerFor(t, 'redis');
    const folder = project(t, 'ioredis');
    const flags = ['--redis', url, '--history', '*'];
    const first = await topics(t, folder, ...flags);
    const before = (await publish(first, 'news', 'one'))['position'];
    await publish(first, 'news', 'two');
    await first.kill('SIGKILL');
    const second = await topics(t, folder, ...flags);
    const client = await clientOf(t, second);
    const { recovered, missed } = await client.ask('subscribe', { topic: 'news', since: before });
    assert.deepEqual([recovered, missed], [true, 1]);
    await publish(second, 'news', 'three');
    await until('two messages', () => client.texts().length === 2);
    assert.deepEqual(client.texts(), ['two', 'three']);
  });

  test('CM-04: the chat with --redis loses nothing when its server is killed and restarted', {
    skip: skipWithout(REDIS_PACKAGES, noRedis),
  }, async (t) => {
    const { url } = await brokerFor(t, 'redis');
    const folder = project(t, 'ioredis');
    const request = async (client: Client, name: string, value: object): Promise<Frame> =>
      JSON.parse(
        String((await client.ask('request', { name, data: JSON.stringify(value) }))['data']),
      ) as Frame;
    const enter = async (run: Run, session: string, since: object): Promise<Client & { answer: Frame }> => {
      const client = await clientOf(t, run);
      await request(client, 'enter', { name: session, session });
      const answer = await client.ask('subscribe', { topic: 'room:lobby', since });
      return { ...client, answer };
    };
    const said = (client: Client): unknown[] =>
      client.texts().map((data) => (JSON.parse(String(data)) as Frame)['text']);

    const first = await serve(t, folder, '--chat', '--redis', url);
    const anna = await enter(first, 'Anna', BEGINNING);
    for (const word of ['one', 'two'])
      assert.deepEqual(await request(anna, 'say', { room: 'lobby', text: word, ref: word }), { ok: true });
    await until('both messages', () => said(anna).length === 2);
    const { epoch } = anna.answer;
    await first.kill('SIGKILL');

    const second = await serve(t, folder, '--chat', '--redis', url);
    const ben = await enter(second, 'Ben', BEGINNING);
    assert.deepEqual(await request(ben, 'say', { room: 'lobby', text: 'three', ref: '3' }), { ok: true });
    const back = await enter(second, 'Anna', { epoch, offset: 2 });
    assert.deepEqual(
      [back.answer['recovered'], back.answer['epoch'], back.answer['missed']],
      [true, epoch, 1],
    );
    await until('the missed message', () => said(back).length === 1);
    await until('all messages', () => said(ben).length === 3);
    assert.deepEqual([said(back), said(ben)], [['three'], ['one', 'two', 'three']]);
  });

  test('CM-04: two chats with one --redis give a name to one user of a room, and a user on both of them keeps it', {
    skip: skipWithout(REDIS_PACKAGES, noRedis),
  }, async (t) => {
    const { url } = await brokerFor(t, 'redis');
    const folder = project(t, 'redis');
    const [a, b] = await Promise.all([0, 1].map(() => serve(t, folder, '--chat', '--redis', url)));
    const enter = async (run: Run, name: string, session: string): Promise<Client> => {
      const client = await clientOf(t, run);
      for (const [op, fields] of [
        ['request', { name: 'enter', data: JSON.stringify({ name, session }) }],
        ['subscribe', { topic: 'room:lobby' }],
      ] as const)
        assert.notEqual((await client.ask(op, fields))['op'], 'error');
      return client;
    };
    await enter(a!, 'Anna', 'first');
    const ben = await enter(b!, 'Ben', 'ben');
    const names = async (): Promise<readonly string[]> => {
      const { members } = await ben.ask('presence', { topic: 'room:lobby' });
      return (members as { info: Frame }[]).map(({ info }) => String(info['name'])).sort();
    };
    await until('both members', async () => (await names()).length === 2);
    await enter(b!, 'anna', 'second');
    await enter(b!, 'Anna', 'first');
    await until('three members', async () => (await names()).length === 3);
    assert.deepEqual(await names(), ['Anna', 'Ben', 'anna 2']);
  });

  for (const [flag, packages, noServer] of [
    ['redis', REDIS_PACKAGES, noRedis],
    ['nats', NATS_PACKAGES, noNats],
  ] as const) {
    test(`SC-07 CM-04: with --${flag} the server starts without its broker, says so on one line, and recovers`, {
      skip: skipWithout(packages, noServer),
    }, async (t) => {
      const { url, server } = await brokerFor(t, flag);
      await server.kill();
      const run = await topics(t, project(t, packages[0]!), `--${flag}`, url, '--json');
      const client = await clientOf(t, run);
      assert.equal((await client.ask('subscribe', { topic: 'news' }))['op'], 'ok');
      await until('engineDown', () => run.out().includes('"event":"engineDown"'));
      assert.match(
        run.err(),
        /Redis: connect ECONNREFUSED|NATS cannot be reached; the server runs without it/,
      );
      await server.run();
      await until('engineUp', () => run.out().includes('"event":"engineUp"'));
      assert.equal((await publish(run, 'news', 'after'))['ok'], true);
      await until('the message', () => client.texts().includes('after'));
      assert.equal(run.out().split('"event":"engineDown"').length, 2);
      await run.kill('SIGTERM');
      assert.equal(run.child.exitCode, 0);
    });

    test(`GN-08 CM-04: without a client package --${flag} fails with a sentence that names it`, async (t) => {
      const folder = project(t);
      const run = command(t, folder, '--topics', `--${flag}`, `${flag}://127.0.0.1`);
      await until('the end', () => run.child.exitCode !== null);
      assert.equal(run.child.exitCode, 1);
      const needs = `--${flag} needs the package ${packages.join(' or ')}, which is not installed in ${folder}: npm install ${packages[0]}`;
      assert.equal(run.err(), `hawser: ${needs}\n`);
    });
  }

  for (const [flag, packages, noServer] of [
    ['redis', REDIS_PACKAGES, noRedis],
    ['nats', NATS_PACKAGES, noNats],
  ] as const)
    test(`CM-04: with --${flag} and a port in use the command ends and says why`, {
      skip: skipWithout(packages, noServer),
    }, async (t) => {
      const { url, server } = await brokerFor(t, flag);
      const args = ['--topics', `--${flag}`, url, '--port', String(server.port)];
      const run = command(t, project(t, packages[0]!), ...args);
      await until('the end', () => run.child.exitCode !== null);
      assert.equal(run.child.exitCode, 1);
      assert.match(run.err(), /^hawser: cannot listen on 127\.0\.0\.1 port \d+: the port is in use; .*\n$/m);
    });

  test('CM-04: with --nats a server that is stopped before NATS can be reached ends at once', {
    skip: skipWithout(NATS_PACKAGES, noNats),
  }, async (t) => {
    const { url, server } = await brokerFor(t, 'nats');
    await server.kill();
    const run = await topics(t, project(t, 'nats'), '--nats', url);
    await until('the line', () => run.err().includes('NATS cannot be reached'));
    await run.kill('SIGTERM');
    assert.equal(run.child.exitCode, 0);
  });

  for (const [args, message] of [
    [
      ['--topics', '--redis', 'secret'],
      '--redis must be a URL such as redis://127.0.0.1:6379, or one that begins with rediss:',
    ],
    [
      ['--topics', '--nats', 'http://x'],
      '--nats must be a URL such as nats://127.0.0.1:4222, or one that begins with tls:',
    ],
    [
      ['--topics', '--nats', 'nats://x,nats://y'],
      '--nats must be the URL of one server, without a path: nats://127.0.0.1:4222',
    ],
    [
      ['--topics', '--nats', 'nats://x', '--redis', 'redis://x'],
      '--redis and --nats exclude each other: give one of them',
    ],
    [
      ['--topics', '--nats', 'nats://x', '--history', '*'],
      '--nats does not go with --history: NATS stores no messages; use --redis',
    ],
    [
      ['--chat', '--nats', 'nats://x'],
      '--nats does not go with --chat: NATS stores no messages; use --redis',
    ],
    [['--relay', '--redis', 'redis://x'], '--redis needs --topics or --chat'],
    [
      ['--topics', '--workers', '2', '--redis', 'secret'],
      '--redis must be a URL such as redis://127.0.0.1:6379, or one that begins with rediss:',
    ],
    [
      ['--topics', '--workers', '2', '--nats', 'nats://x', '--history', '*'],
      '--nats does not go with --history: NATS stores no messages; use --redis',
    ],
  ] as const)
    test(`CM-04: serve ${args.join(' ')} is refused`, async (t) => {
      const run = command(t, tmpdir(), ...args);
      await until('the end', () => run.child.exitCode !== null);
      assert.equal(run.child.exitCode, 2);
      assert.equal(run.err(), `hawser: ${message}. See hawser serve --help.\n`);
    });
});
