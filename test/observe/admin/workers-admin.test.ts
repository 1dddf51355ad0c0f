import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test, type TestContext } from 'node:test';
import { connect, type ShownWorkers, workersAdmin, type WorkersAdminOptions } from '../../../src/index.ts';
import { ADMIN_PROTOCOL } from '../../../src/observe/index.ts';
import { madeSnapshot } from '../../cli/made-snapshot.ts';
import { listening } from '../../server/live.ts';
import { watched } from './admin-live.ts';

const TOKEN = 'correct-horse-battery';
const WORKER = { number: 1, state: 'up', id: 7, restarts: 0 } as const;

/** One worker with a snapshot that was made for it. */
const workersOf = (): ShownWorkers & { readonly events: EventEmitter } => {
  const events = new EventEmitter();
  return {
    events,
    workers: [WORKER],
    metrics: () => Promise.resolve('hawser_workers 1\n'),
    snapshots: (views) => Promise.resolve([{ worker: WORKER, servers: [views.map(() => madeSnapshot())] }]),
    on: events.on.bind(events),
    off: events.off.bind(events),
  };
};

async function opened(t: TestContext, options: Partial<WorkersAdminOptions> = {}) {
  const workers = workersOf();
  const admin = await workersAdmin(workers, { port: 0, ...options });
  t.after(() => admin.close());
  return { workers, admin, url: `http://127.0.0.1:${admin.address.port}/` };
}

test('LG-06 SC-02: workersAdmin opens a port with page, metrics and snapshots, and closes it with a last snapshot', async (t) => {
  const { workers, admin, url } = await opened(t, { name: 'eu-1' });
  assert.match(await (await fetch(url)).text(), /^<!doctype html>/);
  assert.equal(await (await fetch(`${url}metrics`)).text(), 'hawser_workers 1\n');
  const { viewer, when } = watched(
    await connect(`ws://127.0.0.1:${admin.address.port}/live`, { protocols: [ADMIN_PROTOCOL] }),
  );
  const { server, cluster } = await when(() => true);
  assert.deepEqual([server.name, cluster.nodes?.[0]?.worker?.number], ['eu-1', 1]);
  const closing = admin.close();
  assert.equal((await viewer.closed).code, 1001);
  await closing;
  assert.equal(workers.events.listenerCount('exit'), 0);
});

test('LG-06 SC-02: the port of workers asks for the token, and refuses other hosts and origins', async (t) => {
  const { url } = await opened(t, { token: TOKEN });
  const statusOf = async (headers: Record<string, string>): Promise<number> =>
    (await fetch(`${url}stats`, { headers })).status;
  assert.equal(await statusOf({}), 401);
  assert.equal(await statusOf({ authorization: `Bearer ${TOKEN}` }), 200);
  assert.equal(
    await statusOf({ authorization: `Bearer ${TOKEN}`, origin: 'https://elsewhere.example' }),
    403,
  );
});

test('MT-03 LG-06: workersAdmin refuses other objects than workers, unknown options, actions, and a port in use', async (t) => {
  const workers = workersOf();
  const cases: readonly (readonly [args: readonly unknown[], code: string, says: RegExp])[] = [
    [[{}, { port: 0 }], 'ERR_ARGUMENT', /startWorkers\(\)/],
    [[workers], 'ERR_OPTION', /an object with a port/],
    [[workers, { port: 0, actions: true }], 'ERR_OPTION', /without actions/],
    [[workers, { port: 0, tokens: 'x' }], 'ERR_OPTION', /tokens/],
    [[workers, { name: 'x' }], 'ERR_OPTION', /port/],
    [[workers, { port: 0, host: '0.0.0.0' }], 'ERR_OPTION', /token/],
    [[workers, { port: 0 }, 1], 'ERR_ARGUMENT', /workersAdmin/],
  ];
  for (const [args, code, says] of cases)
    await assert.rejects(
      (workersAdmin as (...given: readonly unknown[]) => Promise<unknown>)(...args),
      (error: Error & { code: string }) => {
        assert.equal(error.code, code, error.message);
        assert.match(error.message, says);
        return true;
      },
    );
  const { admin } = await opened(t);
  await assert.rejects(workersAdmin(workers, { port: admin.address.port }), { code: 'EADDRINUSE' });
  assert.equal(workers.events.listenerCount('exit'), 0);
});

test('LG-06: server.adminSnapshot needs no admin port, and records events from its first call on', async (t) => {
  const { server, port } = await listening(t, { name: 'eu-1' });
  const first = await server.adminSnapshot();
  assert.deepEqual([first.server.name, first.server.actions, first.events], ['eu-1', false, []]);
  const client = await connect(`ws://127.0.0.1:${port}/`);
  client.close(4000, 'enough');
  await client.closed;
  await fetch(`http://127.0.0.1:${port}/`);
  const [one, two] = await Promise.all([server.adminSnapshot({ sort: 'in' }), server.adminSnapshot()]);
  assert.equal(one.connections.view.sort, 'in');
  assert.ok(two.gauges.loopUtilization !== null, 'load since the call before');
  assert.ok(two.events.some(({ kind }) => kind === 'refused'));
  for (const view of [{ sort: 'name' }, { limit: 0 }, { order: 1 }, 7])
    await assert.rejects(server.adminSnapshot(view as never), { code: 'ERR_OPTION' });
});
