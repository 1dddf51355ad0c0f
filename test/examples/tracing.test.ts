import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { EXAMPLE_KEY, RawClient, text, waitUntil } from '../../src/testing/index.ts';
import { nextText } from '../server/live.ts';
import { startExample } from './run-example.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const FOLDER = join(ROOT, 'examples', 'tracing');
const installed = existsSync(join(FOLDER, 'node_modules', '@opentelemetry', 'sdk-trace-node'));
const peer = {
  skip:
    (installed ? false : 'needs the SDK of OpenTelemetry: npm ci --prefix examples/tracing') ||
    (process.platform === 'win32' ? 'on Windows a signal kills the process' : false),
};

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly links?: readonly { readonly spanId: string }[];
}
/** The fields of OTLP's JSON that this test reads. */
interface Body {
  readonly resourceSpans?: readonly { readonly scopeSpans: readonly { readonly spans: readonly Span[] }[] }[];
  readonly resourceMetrics?: readonly {
    readonly scopeMetrics: readonly { readonly metrics: readonly { readonly name: string }[] }[];
  }[];
}

test(
  'EX-01 MT-02: the tracing example exports spans and metrics over OTLP, with the parent of traceparent',
  peer,
  async (t) => {
    const bodies: Body[] = [];
    // Stands for the Collector: records each export.
    const collector = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += String(chunk)));
      request.on('end', () => {
        bodies.push(JSON.parse(body) as Body);
        response.setHeader('content-type', 'application/json').end('{}');
      });
    });
    await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      collector.close();
      collector.closeAllConnections();
    });
    const { port: collectorPort } = collector.address() as AddressInfo;
    const example = startExample(t, 'tracing/server.js', {
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collectorPort}`, PERCENT: '100' },
    });
    const [, port] = await example.waitForOutput(/ws:\/\/127\.0\.0\.1:(\d+)\/chat/);
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const clients = [
      await RawClient.connect({ port: Number(port) }),
      await RawClient.connect({ port: Number(port) }),
    ];
    for (const client of clients) {
      const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` };
      assert.equal((await client.upgrade({ path: '/chat', key: EXAMPLE_KEY, headers })).status, 101);
    }
    clients[0]!.send(text('hello'));
    assert.equal(await nextText(clients[1]!), 'hello');
    for (const client of clients) client[Symbol.dispose]();
    example.child.kill('SIGTERM');
    assert.deepEqual(await example.exit, [0, null]);
    await waitUntil(() => bodies.length >= 2);
    const spans = bodies.flatMap(({ resourceSpans = [] }) =>
      resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)),
    );
    const handshakes = spans.filter(({ name }) => name === 'GET /chat');
    assert.deepEqual(
      handshakes.map((span) => [span.traceId, span.parentSpanId]),
      [
        [traceId, 'b7ad6b7169203331'],
        [traceId, 'b7ad6b7169203331'],
      ],
    );
    const receive = spans.find(({ name }) => name === 'websocket receive');
    assert.ok(handshakes.some(({ spanId }) => spanId === receive?.links?.[0]?.spanId));
    assert.equal(spans.find(({ name }) => name === 'store message')?.parentSpanId, receive?.spanId);
    const names = bodies.flatMap(({ resourceMetrics = [] }) =>
      resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics)),
    );
    assert.ok(names.some(({ name }) => name === 'hawser.messages'));
  },
);

test('EX-03: the guide shows the configuration of the Collector that the example has', () => {
  const file = readFileSync(join(FOLDER, 'collector.yaml'), 'utf8');
  assert.ok(readFileSync(join(ROOT, 'docs', 'tracing.md'), 'utf8').includes(file.trim()));
});
