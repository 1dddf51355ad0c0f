import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_CLOSE } from '../../../src/protocol/close.ts';
import type { CloseCause, CloseInfo } from '../../../src/protocol/close-info.ts';
import { ERRORS } from '../../../src/protocol/errors.ts';
import { refuse, type ServerOptions } from '../../../src/index.ts';
import type { ObservedConnection, Refusal } from '../../../src/observe/observer.ts';
import { closeCodeLabel, refusalLabel } from '../../../src/observe/metrics/labels.ts';
import { renderMetrics } from '../../../src/observe/metrics/text.ts';
import { observedServer } from '../../../src/observe/observed-server.ts';
import { ServerCounts } from '../../../src/observe/metrics/server-counts.ts';
import { close, duplexPair, eventLoopTurns, RawClient, VirtualClock } from '../../../src/testing/index.ts';
import { live, upgradeRequest } from '../../server/live.ts';
import { scrape, sumOf } from './scrape.ts';

const CAUSES: readonly CloseCause[] = [
  'peer-close',
  'local-close',
  'close-timeout',
  'terminated',
  'transport-end',
  'transport-error',
  'protocol-error',
  'invalid-utf8',
  'message-too-big',
  'too-many-fragments',
  'message-timeout',
  'ping-timeout',
  'idle-timeout',
  'lifetime',
  'write-timeout',
  'rate-limit',
  'slow-consumer',
  'load-shed',
  'memory-cap',
  'handler-error',
  'payload-detached',
  'expired',
  'shutdown',
  'internal-error',
];
/** Every code that a connection can end with, besides those of libraries and applications. */
const CODES = [1000, 1001, 1002, 1003, 1005, NO_CLOSE, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];

const closed = (code: number, cause: CloseCause, sentCode?: number): CloseInfo => ({
  code,
  cause,
  sentCode,
  reason: '',
  wasClean: true,
  initiator: 'remote',
});

test('MT-01 codes of libraries and applications have one label each; foreign answers to our Close one', () => {
  for (const [info, label] of [
    [closed(4321, 'peer-close'), '4xxx'],
    [closed(3000, 'peer-close'), '3xxx'],
    [closed(1001, 'peer-close'), '1001'],
    [closed(4999, 'local-close', 1000), '4xxx'],
    [closed(1006, 'ping-timeout', 1001), '1006'],
    [closed(1001, 'idle-timeout', 1001), '1001'],
    [closed(4000, 'idle-timeout', 1001), 'other'],
    [closed(4000, 'rate-limit', 4000), '4xxx'],
    [closed(2000, 'peer-close'), 'other'],
  ] as const)
    assert.equal(closeCodeLabel(info), label, JSON.stringify(info));
  for (const [code, label] of [
    ['ERR_ORIGIN', 'ERR_ORIGIN'],
    ['HTTP_401', 'HTTP_401'],
    ['HTTP_418', 'HTTP_4xx'],
    ['HTTP_302', 'HTTP_3xx'],
    ['HTTP_599', 'HTTP_5xx'],
  ] as const)
    assert.equal(refusalLabel(code), label);
});

test('MT-01 a server has at most 360 series, even if every cause, code and refusal has happened', (t) => {
  const { server } = live(t, { metrics: true });
  const reading = observedServer('test', 'server', server).readMetrics();
  const counts = new ServerCounts(new VirtualClock());
  const connection = { connectedAtMs: 0 } as ObservedConnection;
  for (const cause of CAUSES)
    for (const code of [...CODES, 3_000, 3_999, 4_000, 4_999])
      for (const sentCode of [undefined, code]) counts.closed(connection, closed(code, cause, sentCode));
  // The Close that this side sends has one code for each cause, except where the application chooses it.
  const kinds = counts.read().closes.filter(([[code, cause]]) => {
    const isChosen = cause === 'peer-close' || cause === 'local-close';
    return isChosen || code === '1006' || code === 'other' || code === '1008';
  });
  for (const code of Object.keys(ERRORS) as Refusal['code'][])
    if (
      !code.startsWith('HTTP') &&
      ('status' in ERRORS[code as keyof typeof ERRORS] || code === 'ERR_TLS' || code === 'ERR_PROXY_HEADER')
    )
      counts.refused({ status: 0, code, remoteAddress: '', url: '' });
  for (let status = 300; status < 600; status++)
    counts.refused({ status, code: `HTTP_${status}`, remoteAddress: '', url: '' });
  const text = renderMetrics([{ ...reading, counts: { ...counts.read(), closes: kinds } }], {
    loopDelay: { mean: 0, p99: 0, max: 0 },
    loopUtilization: 0,
    cpuSeconds: 0,
    residentBytes: 0,
    heapUsedBytes: 0,
    heapLimitBytes: 0,
  });
  const series = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  assert.ok(series.length <= 360, `${series.length} series`);
});

test('MT-01 peers that close with 4000 to 4999 create one series', async (t) => {
  const { server, join } = live(t);
  for (let code = 4_000; code < 5_000; code += 37) {
    const { raw, connection } = await join();
    raw.send(close(code));
    raw.end();
    await connection.closed;
  }
  const closes = [...scrape(server)].filter(([key]) => key.startsWith('hawser_closes_total'));
  assert.deepEqual(closes, [['hawser_closes_total{code="4xxx",cause="peer-close"}', 28]]);
});

test('MT-01 refusals are counted by code; the duration of the upgrade hook also for those', async (t) => {
  const statuses = [401, 418, 302, 451];
  const options: ServerOptions = {
    upgrade: () => refuse(statuses.shift()!),
  };
  const { server } = live(t, options);
  for (let at = 0; at < 4; at++) {
    const wire = duplexPair();
    const raw = RawClient.over(wire.client);
    const upgraded = server.handleUpgrade(upgradeRequest(), wire.server, Buffer.alloc(0));
    await raw.nextHead();
    raw.end();
    assert.equal(await upgraded, undefined);
    await eventLoopTurns(3);
    raw[Symbol.dispose]();
  }
  const samples = scrape(server);
  const refused = (code: string) => samples.get(`hawser_handshakes_total{result="refused",code="${code}"}`);
  assert.deepEqual(['HTTP_401', 'HTTP_4xx', 'HTTP_3xx'].map(refused), [1, 2, 1]);
  assert.equal(sumOf(samples, 'handshakes_total', 'refused'), server.stats().handshakes.refused);
  assert.equal(samples.get('hawser_upgrade_hook_seconds_count'), 4);
  assert.equal(samples.get('hawser_handshake_seconds_count'), 0);
});
