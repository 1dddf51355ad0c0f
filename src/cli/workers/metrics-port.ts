import { type AddressInfo, isIP } from 'node:net';
import type { Workers } from '../../cluster/index.ts';
import { refuse, type ServerOptions, timingSafeEqualText, WebSocketServer } from '../../index.ts';
import { METRICS_TYPE } from '../../observe/index.ts';

type Admin = Exclude<NonNullable<ServerOptions['admin']>, false>;

/** The admin port of `serve --workers`: a page of text, and the metrics of all workers. */
export class MetricsPort {
  readonly #server: WebSocketServer;
  readonly #admin: Admin;

  constructor(admin: Admin, workers: Workers) {
    this.#admin = admin;
    const { host = '127.0.0.1', token, allowedHosts = [] } = admin;
    const names = new Set(['localhost', host, ...allowedHosts].map((name) => name.toLowerCase()));
    this.#server = new WebSocketServer({
      allowedHosts: false,
      endpoints: { health: '/healthz' },
      upgrade: () => refuse(404),
      request: async ({ url, method, headers }) => {
        // As on the admin port of a server, an address is always right: DNS rebinding needs a name.
        if (!names.has(url.hostname) && isIP(url.hostname.replace(/^\[|\]$/g, '')) === 0)
          return text(403, 'This host is not allowed: start the server with --admin-allowed-host.\n');
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

const isToken = (authorization: string | null, token: string): boolean =>
  timingSafeEqualText(/^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1] ?? '', token);

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
