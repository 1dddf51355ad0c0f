import type { AddressInfo } from 'node:net';
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Workers } from '../../cluster/index.ts';
import { refuse, type ServerOptions, WebSocketServer } from '../../index.ts';
import { METRICS_TYPE } from '../../observe/index.ts';

type Admin = Exclude<NonNullable<ServerOptions['admin']>, false>;

/** The admin port of `serve --workers`: a page of text, and the metrics of all workers. */
export class MetricsPort {
  readonly #server: WebSocketServer;
  readonly #admin: Admin;

  constructor(admin: Admin, workers: Workers) {
    this.#admin = admin;
    const { host = '127.0.0.1', token, allowedHosts = [] } = admin;
    const urlHost = host.includes(':') ? `[${host}]` : host;
    this.#server = new WebSocketServer({
      allowedHosts: [...new Set(['localhost', '127.0.0.1', '[::1]', urlHost, ...allowedHosts])],
      endpoints: { health: '/healthz' },
      upgrade: () => refuse(404),
      request: async ({ url, method, headers }) => {
        if (method !== 'GET' && method !== 'HEAD')
          return text(405, 'Use GET or HEAD.\n', { allow: 'GET, HEAD' });
        if (token !== undefined && !isToken(headers.get('authorization'), token))
          return text(401, 'Send the token as Authorization: Bearer.\n', {
            'www-authenticate': 'Bearer realm="hawser admin"',
          });
        if (url.pathname === '/metrics')
          return text(200, await workers.metrics(), { 'content-type': METRICS_TYPE });
        return url.pathname === '/' ? text(200, await page(workers)) : text(404, 'There is nothing here.\n');
      },
    });
  }

  /** @throws The error of the system, such as EADDRINUSE. */
  listen(): Promise<AddressInfo> {
    const { port, host = '127.0.0.1' } = this.#admin;
    return this.#server.listen({ port, host });
  }

  async close(): Promise<void> {
    await this.#server.shutdown({ timeoutMs: 100 });
  }
}

const text = (status: number, body: string, headers: Readonly<Record<string, string>> = {}): Response =>
  new Response(body, { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...headers } });

const digest = (value: string): Buffer => createHash('sha256').update(value).digest();

const isToken = (authorization: string | null, token: string): boolean =>
  timingSafeEqual(digest(/^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1] ?? ''), digest(token));

/** What the metrics say in one line each, and each worker. */
const SHOWN = [
  ['connections', 'hawser_connections{state="open"}'],
  ['opened', 'hawser_connections_total'],
  ['subscriptions', 'hawser_subscriptions'],
  ['CPU seconds', 'hawser_cpu_seconds_total'],
  ['resident bytes', 'hawser_resident_memory_bytes'],
  ['history bytes', 'hawser_hub_history_bytes'],
] as const;

async function page(workers: Workers): Promise<string> {
  const lines = new Map(
    (await workers.metrics())
      .split('\n')
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)]),
  );
  return [
    'Workers of hawser serve. Metrics for Prometheus: /metrics',
    '',
    ...SHOWN.map(([title, series]) => `${title.padEnd(16)}${lines.get(series) ?? 'unknown'}`),
    '',
    ...workers.workers.map(
      ({ number, state, id, restarts }) =>
        `worker ${number}: ${state}, process ${id ?? 'none'}, restarts ${restarts}`,
    ),
    '',
  ].join('\n');
}
