import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONNECT_OPTION_TABLE } from '../../src/options/resolve-connect-options.ts';
import { OFFLINE_QUEUE_TABLE, RECONNECT_OPTION_TABLE } from '../../src/options/resolve-reconnect-options.ts';
import { DEFLATE_TABLE } from '../../src/options/connection-option-table.ts';
import * as foreign from '../../src/options/foreign-names.ts';
import { nearestName } from '../../src/options/nearest-name.ts';
import { SERVER_OPTION_TABLE } from '../../src/options/server-option-table.ts';

const SERVER_NAMES = Object.keys(SERVER_OPTION_TABLE);

test('GN-05 a wrong name finds the known name by case, prefix and typing errors', () => {
  const found = [
    ['timeoutMS', 'timeoutMs', ['timeoutMs', 'code']],
    ['exept', 'except', ['except', 'where', 'to']],
    ['were', 'where', ['except', 'where', 'to']],
    ['prot', 'port', ['protocol', 'port', 'cert', 'path']],
    ['conection', 'connection', ['connection', 'close', 'error']],
    ['ping-interval', 'pingIntervalMs', SERVER_NAMES],
    ['pathname', 'path', SERVER_NAMES],
    ['max_connections_per_ip', 'maxConnectionsPerIp', SERVER_NAMES],
  ] as const;
  for (const [wrong, right, names] of found) assert.equal(nearestName(wrong, names), right, wrong);
});

test('GN-05 a name that resembles no known one gets no suggestion', () => {
  const commands = ['serve', 'connect', 'send', 'bench', 'conform'];
  for (const wrong of ['top', 'x', '', '-', 'zz', 'version', 'listen'])
    assert.equal(nearestName(wrong, commands), undefined);
  for (const wrong of ['port', 'server', 'verifyClient', 'maxPayload', 'cors', 'backpressure'])
    assert.equal(nearestName(wrong, SERVER_NAMES), undefined, wrong);
  assert.equal(nearestName('x'.repeat(1_000_000), SERVER_NAMES), undefined);
});

test('GN-05 options of other libraries are unknown, and the suggested options exist', () => {
  const client = Object.keys(CONNECT_OPTION_TABLE);
  const queue = Object.keys(OFFLINE_QUEUE_TABLE).map((name) => `offlineQueue.${name}`);
  const tables: readonly (readonly [foreign.ForeignNames, readonly string[]])[] = [
    [foreign.SERVER_FOREIGN_NAMES, SERVER_NAMES],
    [foreign.CLIENT_FOREIGN_NAMES, client],
    [foreign.RECONNECT_FOREIGN_NAMES, [...client, ...Object.keys(RECONNECT_OPTION_TABLE), ...queue]],
    [foreign.DEFLATE_FOREIGN_NAMES, Object.keys(DEFLATE_TABLE)],
  ];
  for (const [table, names] of tables) {
    for (const [name, says] of Object.entries(table)) {
      assert.ok(!names.includes(name), `${name} is an option`);
      const called = /^it is called ([\w.]+)/.exec(says)?.[1];
      if (called !== undefined) assert.ok(names.includes(called), `${name}: ${says}`);
    }
  }
});
