import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, type ServerOptions, WebSocketServer } from '../../src/index.ts';
import { collectors, METRICS, METRICS_TYPE, metricsText } from '../../src/observe/index.ts';
import { close, eventLoopTurns, text, waitUntil } from '../../src/testing/index.ts';
import { served } from '../cli/fake-io.ts';
import { live, nextText } from '../server/live.ts';
import { scrape } from '../observe/metrics/scrape.ts';
import { freePort } from './free-port.ts';
import { prometheus, promClient, promtool } from './peers.ts';

const ROOT = join(import.meta.dirname, '../../..');

/** What promtool says against a text; `''` for nothing. */
function objections(metrics: string): string {
  const run = spawnSync(promtool.peer!, ['check', 'metrics'], { input: metrics, encoding: 'utf8' });
  return `${run.stdout}${run.stderr}${run.status === 0 ? '' : `exit ${run.status}`}`;
}

const OPTIONS: ServerOptions = { metrics: { handlerTimeOneIn: 1 }, name: 'a "quoted" \\ name' };

test('MT-01 promtool accepts the text at rest, under load, and after closes with every code', {
  skip: promtool.skip,
}, async (t) => {
  const { server, join: enter } = live(t, OPTIONS);
  assert.equal(objections(server.metrics()), '');
  server.on('message', (connection, message) => connection.send(message));
  const { raw } = await enter();
  for (let at = 0; at < 100; at++) raw.send(text('x'.repeat(at * 50)));
  for (let at = 0; at < 50; at++) await nextText(raw);
  server.broadcast('to all');
  assert.equal(objections(server.metrics()), '');
  for (const code of [
    1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
  ]) {
    const peer = await enter();
    peer.raw.send(close(code));
    peer.raw.end();
    await peer.connection.closed;
  }
  assert.equal(objections(server.metrics()), '');
  const [one, two] = [
    new WebSocketServer({ name: 'one' }),
    new WebSocketServer({ name: 'two', metrics: true }),
  ];
  assert.equal(objections(metricsText([one, two])), '');
});

test('EX-03 promtool accepts the alert rules, and their tests pass', { skip: promtool.skip }, () => {
  for (const args of [
    ['check', 'rules', join(ROOT, 'docs/alerts.yml')],
    ['test', 'rules', join(ROOT, 'test/interop/alerts.test.yml')],
  ]) {
    const { status, stdout, stderr } = spawnSync(promtool.peer!, args, { encoding: 'utf8' });
    assert.equal(status, 0, `${stdout}${stderr}`);
  }
});

for (const [what, open] of [
  ['a server', async (t: TestContext) => (await serving(t)).url],
  ['hawser serve --metrics', serveMetrics],
] as const)
  test(`MT-01 CM-04 a Prometheus scrapes ${what}, and its query answers`, {
    skip: prometheus.skip,
  }, async (t) => {
    const url = await open(t);
    const client = await connect(`${url.replace('http', 'ws')}/`);
    t.after(() => client.terminate());
    client.send('hello');
    const port = await startPrometheus(t, new URL(url).host);
    const query = async (expression: string): Promise<string | undefined> => {
      const answer = await fetch(
        `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expression)}`,
      ).catch(() => undefined);
      if (answer?.ok !== true) return undefined;
      const { data } = (await answer.json()) as {
        data: { result: readonly { value: readonly [number, string] }[] };
      };
      return data.result[0]?.value[1];
    };
    let found: string | undefined;
    await waitUntil(
      async () => {
        found = await query('sum(hawser_connections{state="open"})');
        return found !== undefined;
      },
      { deadlineMs: 30_000 },
    );
    assert.equal(found, '1');
    assert.equal(await query('hawser_messages_received_total{kind="text"}'), '1');
    assert.equal(
      await query('histogram_quantile(0.5, hawser_message_bytes_bucket{direction="received"})'),
      '32',
    );
  });

async function serveMetrics(t: TestContext): Promise<string> {
  const commandServer = await served('--metrics', '--port', '0');
  t.after(() => commandServer.stop());
  return `http://${commandServer.url.host}`;
}

/** A server with a route for its metrics. */
async function serving(t: TestContext): Promise<{ server: WebSocketServer; url: string }> {
  const server = new WebSocketServer({ metrics: true });
  const http = createServer((_, response) => {
    response.writeHead(200, { 'Content-Type': METRICS_TYPE }).end(metricsText(server));
  });
  server.attach(http);
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  t.after(async () => {
    await server.shutdown();
    http.closeAllConnections();
    http.close();
  });
  return { server, url: `http://127.0.0.1:${(http.address() as AddressInfo).port}` };
}

/** @returns The port of its API. */
async function startPrometheus(t: TestContext, target: string): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-prometheus-'));
  const port = await freePort();
  writeFileSync(
    join(folder, 'prometheus.yml'),
    `scrape_configs:\n  - job_name: hawser\n    scrape_interval: 1s\n    static_configs:\n      - targets: ['${target}']\nrule_files: ['${join(ROOT, 'docs/alerts.yml')}']\n`,
  );
  const child = spawn(
    prometheus.peer!,
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: 'ignore' },
  );
  const ended = once(child, 'exit');
  t.after(async () => {
    child.kill();
    await ended;
    rmSync(folder, { recursive: true });
  });
  return port;
}

test('MT-01 a registry of prom-client shows the same samples through collectors', {
  skip: promClient.skip,
}, async (t) => {
  const { server, join: enter } = live(t, OPTIONS);
  server.on('message', (connection, message) => connection.send(message));
  const { raw } = await enter();
  raw.send(text('hello'));
  await nextText(raw);
  const { Registry, AggregatorRegistry } = promClient.peer!;
  const registry = new Registry(); // or register, the default registry of prom-client
  for (const collector of collectors(server)) registry.registerMetric(collector);
  registry.resetMetrics();
  const isSteady = (line: string): boolean =>
    line.startsWith('hawser_') && !/^hawser_(event_loop|cpu|resident|heap)/.test(line);
  const linesOf = (metrics: string): string[] => metrics.split('\n').filter(isSteady).sort();
  assert.deepEqual(linesOf(await registry.metrics()), linesOf(server.metrics()));
  assert.deepEqual(
    collectors(server, { process: true }).map(({ name }) => name),
    METRICS.map(({ name }) => name),
  );
  assert.ok(
    collectors(server).every(({ name }) => METRICS.find((one) => one.name === name)?.from !== 'process'),
  );

  // Workers of a cluster: counters add up.
  const worker = await Promise.all(collectors(server).map((collector) => collector.get()));
  const joined = await AggregatorRegistry.aggregate([worker, worker]).metrics();
  assert.match(joined, /^hawser_messages_received_total\{.*kind="text"\} 2$/m);
  assert.match(joined, /^hawser_build_info\{.*\} 1$/m);

  const open = new Registry(Registry.OPENMETRICS_CONTENT_TYPE);
  for (const collector of collectors(server)) open.registerMetric(collector);
  assert.match(await open.metrics(), /^hawser_messages_received_total\{.*kind="text"\} 1$/m);
});

test('MT-01 readings of one turn share one look at the server; the next turn sees new values', async (t) => {
  const { server, join: enter } = live(t, { metrics: true });
  const total = collectors(server).find(({ name }) => name === 'hawser_connections_total')!;
  const value = async () => (await total.get()).values[0]?.value;
  assert.equal(await value(), 0);
  await enter();
  await eventLoopTurns(1);
  assert.equal(await value(), 1);
  assert.equal(scrape(server).get('hawser_connections_total'), 1);
});
