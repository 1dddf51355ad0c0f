import { Buffer } from 'node:buffer';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MemoryBudget } from '../../engine/memory-budget.ts';
import { escaped } from '../../connection/log.ts';
import type { UpgradeContext } from '../../options/hooks.ts';
import { type EndpointAnswer, textAnswer } from '../endpoint-answers.ts';
import { Access } from './access.ts';
import type { StreamedAnswer } from './capture-action.ts';
import { LiveFeed } from './live-feed.ts';
import { Routes } from './routes.ts';
import { ADMIN_PROTOCOL } from './snapshot.ts';
import type { AdminContent } from './content.ts';
import type { AdminHost, ViewerServer } from './subject.ts';

const MAX_SOCKETS = 128;
const MAX_VIEWERS = 64;
const HEAD_TIMEOUT_MS = 10_000;
/** Time that viewers have to close at the end. */
const CLOSE_TIMEOUT_MS = 1_000;
/** Refused requests come in floods. */
const REFUSAL_LOG_EVERY_MS = 1_000;
/** These say nothing that a connection to the port does not say; probes send any host and no token. */
const PUBLIC: ReadonlySet<string> = new Set(['/healthz', '/readyz']);

/** Fields of every answer. */
const COMMON = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'x-frame-options': 'DENY',
};

/** The port for operators: plain HTTP, and a WebSocket for viewers. It keeps no process alive by itself. */
export class AdminPort {
  readonly #host: AdminHost;
  readonly #content: AdminContent;
  readonly #access: Access;
  readonly #routes: Routes;
  readonly #feed: LiveFeed;
  readonly #live: ViewerServer;
  readonly #http: Server;
  #refusalLoggedMs = Number.NEGATIVE_INFINITY;

  private constructor(host: AdminHost, content: AdminContent) {
    this.#host = host;
    this.#content = content;
    this.#access = new Access(host.options);
    this.#routes = new Routes(content);
    this.#feed = new LiveFeed(content.snapshots, host.clock);
    this.#http = createServer(
      { headersTimeout: HEAD_TIMEOUT_MS, requestTimeout: HEAD_TIMEOUT_MS },
      (...args) => this.#handle(...args),
    );
    this.#http.maxConnections = MAX_SOCKETS;
    this.#http.unref();
    this.#live = host.openServer({
      protocols: [ADMIN_PROTOCOL],
      // Access compares hosts, as it does for all other requests.
      allowedOrigins: '*',
      upgrade: (context) => this.#admit(context),
      maxConnections: MAX_VIEWERS,
      maxMessageBytes: 4_096,
      memoryBudget: new MemoryBudget({ maxBytes: 33_554_432 }),
      maxBufferedBytes: 4_194_304,
    });
    this.#live.on('connection', (viewer) => this.#feed.add(viewer));
    this.#live.on('error', (error) => this.#host.failed(error));
    this.#live.attach(this.#http, { path: '/live' });
  }

  /**
   * Opens the port.
   * @throws Error (as a rejection) with the code of the system, such as `EADDRINUSE`; its message names address and port.
   */
  static async open(owner: AdminHost, content: AdminContent): Promise<AdminPort> {
    const admin = new AdminPort(owner, content);
    const { host, port } = owner.options;
    await new Promise<void>((resolve, reject) => {
      admin.#http.once('error', (error: NodeJS.ErrnoException) => {
        const why = `the admin port cannot listen on ${host} port ${port}: ${error.message}`;
        reject(Object.assign(new Error(why, { cause: error }), { code: error.code }));
      });
      admin.#http.listen({ host, port }, resolve);
    }).catch(async (error: unknown) => {
      await admin.#live.shutdown();
      throw error;
    });
    admin.#http.on('error', (error) => owner.failed(error));
    return admin;
  }

  get address(): AddressInfo {
    return this.#http.address() as AddressInfo;
  }

  /** Sends a last snapshot to the viewers, and closes the port. */
  async close(): Promise<void> {
    await this.#feed.finish();
    const closed = new Promise<void>((resolve) => {
      this.#http.close(() => resolve());
    });
    await this.#live.shutdown({ timeoutMs: CLOSE_TIMEOUT_MS, batchIntervalMs: 0 });
    this.#http.closeAllConnections();
    await closed;
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    this.#answer(request).then(
      (answer) => send(request, response, answer),
      (error: unknown) => {
        this.#host.failed(error);
        send(request, response, textAnswer(500, 'The request could not be answered.'));
      },
    );
  }

  async #answer(request: IncomingMessage): Promise<EndpointAnswer | StreamedAnswer> {
    const { method = '', url = '', headers, socket } = request;
    if (!url.startsWith('/') || !URL.canParse(`http://localhost${url}`))
      return textAnswer(400, 'The request target is not valid.');
    const { pathname, searchParams: query } = new URL(`http://localhost${url}`);
    const remoteAddress = socket.remoteAddress ?? '';
    if (!PUBLIC.has(pathname)) {
      // The page has no data: a link to it may be anywhere, and it asks for the token itself.
      const refusal =
        pathname === '/'
          ? this.#access.judgeHost(headers)
          : (this.#access.judgeSender(headers) ?? this.#access.judgeToken(headers));
      if (refusal !== undefined) return this.#refused(refusal, pathname, remoteAddress);
    }
    if (method === 'POST') return this.#content.act({ pathname, query, remoteAddress });
    const route = this.#routes.find(pathname);
    if (route === undefined) return textAnswer(404, 'There is nothing here. The page is at /.');
    if (method !== 'GET' && method !== 'HEAD')
      return textAnswer(405, 'Use GET or HEAD.', ['allow', 'GET, HEAD']);
    return route(query, headers.host ?? 'localhost');
  }

  #admit({ request, protocols, remoteAddress }: UpgradeContext): Response | undefined {
    const refusal =
      this.#access.judgeSender(request.headers) ??
      this.#access.judgeToken(request.headers) ??
      (protocols.has(ADMIN_PROTOCOL)
        ? undefined
        : textAnswer(400, `Offer the subprotocol ${ADMIN_PROTOCOL}.`));
    if (refusal === undefined) return undefined;
    const { status, headers, body } = this.#refused(refusal, request.url.pathname, remoteAddress);
    return new Response(body, { status, headers: headers.map(([name, value]) => [name, value]) });
  }

  #refused(refusal: EndpointAnswer, pathname: string, remoteAddress: string): EndpointAnswer {
    const { clock, logger } = this.#host;
    const nowMs = clock.now();
    if (nowMs - this.#refusalLoggedMs >= REFUSAL_LOG_EVERY_MS) {
      this.#refusalLoggedMs = nowMs;
      const { status, body } = refusal;
      logger?.warn(
        { remoteAddress, path: escaped(pathname), status, detail: body.trim() },
        'admin: request refused',
      );
    }
    return refusal;
  }
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  answer: EndpointAnswer | StreamedAnswer,
): void {
  // A body of the request is not read: without this, Node would wait for it before it reads the next request.
  request.resume();
  if (response.destroyed) return;
  const headers = { ...COMMON, ...Object.fromEntries(answer.headers) };
  if ('writeTo' in answer) {
    response.writeHead(answer.status, headers);
    response.flushHeaders();
    answer.writeTo(response);
    return;
  }
  response.writeHead(answer.status, { ...headers, 'content-length': Buffer.byteLength(answer.body) });
  response.end(request.method === 'HEAD' ? undefined : answer.body);
}
