import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { WebSocketServer } from '../../src/index.ts';

const SCRIPT = readFileSync(join(import.meta.dirname, '..', '..', 'package', 'browser.js'), 'utf8');

/** What a page or worker runs: it counts the messages of the topic `numbers`. */
const COUNTER = `
  import { ReconnectingClient } from '/hawser.js';
  export function count(report) {
    const url = new URL('/', location.href);
    url.protocol = 'ws:';
    const client = new ReconnectingClient(url, {
      protocols: ['hawser.v1'], baseDelayMs: 100, maxDelayMs: 200, maxFirstDelayMs: 200, pongTimeoutMs: 1_000,
    });
    const seen = [];
    const told = [];
    const numbers = client.topic('numbers');
    numbers.on('message', (text, position) => void seen.push(Number(text)));
    numbers.on('lost', ({ position }) => void told.push(['lost', position.offset, seen.at(-1) ?? 0]));
    numbers.on('recovered', () => void told.push(['recovered']));
    for (const name of ['open', 'down', 'giveUp']) client.on(name, () => void told.push([name]));
    client.on('error', ({ code }) => void told.push(['error', code]));
    return { client, numbers, seen, told };
  }`;
const FILES: Readonly<Record<string, readonly [type: string, text: string]>> = {
  '/': [
    'text/html',
    `<!doctype html><title>numbers</title><link rel="icon" href="data:,">
     <script type="module">import { count } from '/count.js'; globalThis.counted = count();</script>`,
  ],
  '/empty': ['text/html', '<!doctype html><title>empty</title><link rel="icon" href="data:,">'],
  '/hawser.js': ['text/javascript', SCRIPT],
  '/count.js': ['text/javascript', COUNTER],
  '/worker.js': [
    'text/javascript',
    `import { count } from '/count.js';
     const { seen, told } = count();
     const answer = ({ data, source, ports }) => (ports[0] ?? source ?? globalThis).postMessage({ seen, told });
     globalThis.addEventListener('message', answer);`,
  ],
};

/** A server with the topic `numbers`, which has history, behind a TCP proxy that can cut every connection. */
export class NumberServer {
  /** Where the browser connects: the proxy. */
  readonly url: string;
  /** The last number that was published. */
  last = 0;
  readonly #sockets = new Set<Socket>();
  readonly #historySize: number;
  #isCut = false;
  #server: WebSocketServer;
  #port = 0;
  #timer: NodeJS.Timeout | undefined;

  private constructor(proxy: Server, historySize: number) {
    this.#historySize = historySize;
    this.url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    this.#server = this.#newServer();
  }

  /** @param historySize Messages that a resume can reach. */
  static async start(t: TestContext, historySize: number): Promise<NumberServer> {
    const proxy = createServer();
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const server = new NumberServer(proxy, historySize);
    proxy.on('connection', (socket) => server.#relay(socket));
    await server.#listen();
    t.after(async () => {
      server.stopPublishing();
      server.cut();
      proxy.close();
      await server.#server.shutdown({ timeoutMs: 1_000 });
    });
    return server;
  }

  /** Clients that get what is published from now on. An open connection is not subscribed yet. */
  get subscriberCount(): number {
    return this.#server.topics.subscriberCount('numbers');
  }

  /** Publishes 100 numbers a second. */
  startPublishing(): void {
    this.#timer = setInterval(() => this.publish(), 10);
  }

  stopPublishing(): void {
    clearInterval(this.#timer);
  }

  publish(count = 1): void {
    for (let i = 0; i < count; i++) {
      this.last++;
      this.#server.publish('numbers', String(this.last));
    }
  }

  /** Resets every connection, and refuses new ones. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  restore(): void {
    this.#isCut = false;
  }

  /** Without a broker the history ends with the server: a new epoch begins. */
  async restart(): Promise<void> {
    await this.#server.shutdown({ code: 1012, batchIntervalMs: 0, timeoutMs: 1_000 });
    this.#server = this.#newServer();
    await this.#listen();
  }

  async #listen(): Promise<void> {
    this.#port = (await this.#server.listen(this.#port, '127.0.0.1')).port;
  }

  #newServer(): WebSocketServer {
    return new WebSocketServer({
      protocols: ['hawser.v1'],
      history: { match: 'numbers', maxMessages: this.#historySize },
      authorizeSubscribe: () => true,
      allowedOrigins: [this.url],
      request: ({ url }) => {
        const [type, text] = FILES[url.pathname] ?? [];
        if (type === undefined) return new Response('', { status: 404 });
        return new Response(text, { headers: { 'content-type': type, connection: 'close' } });
      },
    });
  }

  #relay(socket: Socket): void {
    const other = connect(this.#port, '127.0.0.1');
    for (const [one, two] of [
      [socket, other],
      [other, socket],
    ] as const) {
      this.#sockets.add(one);
      one.on('error', () => {});
      one.on('close', () => {
        this.#sockets.delete(one);
        two.destroy();
      });
      one.pipe(two);
    }
    if (this.#isCut) socket.destroy();
  }
}

/** What the page has seen. */
export interface Counted {
  readonly seen: readonly number[];
  readonly told: readonly (readonly [name: string, ...details: unknown[]])[];
}

/** Fails unless the numbers are whole and in order, except for a hole after each `lost`. @returns The holes. */
export function holesOf({ seen, told }: Counted): (readonly [before: number, after: number])[] {
  const holes: (readonly [number, number])[] = [];
  for (const [at, number] of seen.entries()) {
    const before = at === 0 ? 0 : seen[at - 1]!;
    assert.ok(number > before, `${number} after ${before}`);
    if (number !== before + 1) holes.push([before, number]);
  }
  const lost = told.filter(([name]) => name === 'lost');
  for (const [before, after] of holes)
    assert.ok(
      lost.some(([, offset, last]) => last === before && offset === after - 1),
      `${before} … ${after}: ${JSON.stringify(lost)}`,
    );
  return holes;
}
