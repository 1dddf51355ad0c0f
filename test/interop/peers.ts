import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Server as HttpServer } from 'node:http';
import process from 'node:process';
import type { EventEmitter } from 'node:events';

const FOLDER = join(import.meta.dirname, '..', '..', '..', 'test', 'interop');
const load = createRequire(join(FOLDER, 'package.json'));

/** The path of a source file in this folder that is not TypeScript. */
export const fileOf = (name: string): string => join(FOLDER, name);

/** An installed peer, or the reason to skip its tests. */
export type Found<Peer> =
  | { readonly peer: Peer; readonly skip: false }
  | { readonly peer?: never; readonly skip: string };

function loaded<Peer>(name: string, pick: (module: unknown) => Peer): Found<Peer> {
  try {
    return { peer: pick(load(name)), skip: false };
  } catch {
    return { skip: `needs the package ${name}: npm ci --prefix test/interop` };
  }
}

/** The members of the `ws` client that the tests use. */
export interface WsClient extends EventEmitter {
  readonly protocol: string;
  readonly extensions: string;
  send(
    data: string | Uint8Array,
    options?: { readonly binary?: boolean; readonly fin?: boolean; readonly compress?: boolean },
  ): void;
  ping(data?: string): void;
  close(code?: number, reason?: string): void;
  terminate(): void;
}
export interface WsDeflateOptions {
  readonly serverNoContextTakeover?: boolean;
  readonly clientNoContextTakeover?: boolean;
  readonly serverMaxWindowBits?: number;
  readonly clientMaxWindowBits?: number | boolean;
  readonly threshold?: number;
}
export type WsConstructor = new (
  url: string,
  protocols?: readonly string[],
  options?: {
    readonly origin?: string;
    readonly perMessageDeflate?: boolean | WsDeflateOptions;
    readonly autoPong?: boolean;
  },
) => WsClient;

export const ws: Found<WsConstructor> = loaded('ws', (module) => module as WsConstructor);

/** The members of the `ws` server that the tests use. */
export interface WsServer {
  on(event: 'connection', listener: (client: WsClient) => void): void;
  close(): void;
}
export type WsServerConstructor = new (options: {
  readonly server: HttpServer;
  readonly perMessageDeflate: boolean | WsDeflateOptions;
  readonly handleProtocols?: (protocols: ReadonlySet<string>) => string | false;
}) => WsServer;

export const wsServer: Found<WsServerConstructor> = loaded(
  'ws',
  (module) => (module as { readonly WebSocketServer: WsServerConstructor }).WebSocketServer,
);

/** The members of prom-client that the tests use. */
export interface PromRegistry {
  registerMetric(metric: unknown): void;
  metrics(): Promise<string>;
  resetMetrics(): void;
}
export interface PromClient {
  readonly Registry: (new (
    contentType?: string,
  ) => PromRegistry) & {
    readonly OPENMETRICS_CONTENT_TYPE: string;
  };
  readonly AggregatorRegistry: {
    aggregate(metrics: readonly (readonly unknown[])[]): PromRegistry;
  };
}

export const promClient: Found<PromClient> = loaded('prom-client', (module) => module as PromClient);

/** The members of playwright that the tests use. Functions run in the page and cannot use variables of the test. */
export interface Page {
  goto(url: string): Promise<unknown>;
  reload(): Promise<unknown>;
  evaluate<Result, Argument>(
    run: (argument: Argument) => Result,
    argument?: Argument,
  ): Promise<Awaited<Result>>;
  fill(selector: string, value: string): Promise<void>;
  click(selector: string): Promise<void>;
  press(selector: string, key: string): Promise<void>;
  selectOption(selector: string, value: string): Promise<unknown>;
  textContent(selector: string): Promise<string | null>;
  inputValue(selector: string): Promise<string>;
  waitForSelector(
    selector: string,
    options?: { readonly state?: 'attached' | 'visible' | 'hidden' },
  ): Promise<unknown>;
  screenshot(options: { readonly path: string; readonly fullPage?: boolean }): Promise<unknown>;
  on(event: 'console', listener: (message: { type(): string; text(): string }) => void): void;
  on(event: 'pageerror', listener: (error: Error) => void): void;
  close(): Promise<void>;
}
export interface BrowserContext {
  newPage(): Promise<Page>;
  setOffline(offline: boolean): Promise<void>;
  newCDPSession(page: Page): Promise<{ send(method: string, params?: object): Promise<unknown> }>;
  close(): Promise<void>;
}
export interface Browser {
  newContext(options?: {
    readonly viewport?: { readonly width: number; readonly height: number };
    readonly colorScheme?: 'light' | 'dark';
    readonly isMobile?: boolean;
    readonly hasTouch?: boolean;
    readonly ignoreHTTPSErrors?: boolean;
  }): Promise<BrowserContext>;
  version(): string;
  close(): Promise<void>;
}
interface Playwright {
  readonly chromium: {
    launch(options: {
      readonly executablePath: string;
      readonly args: readonly string[];
      readonly ignoreDefaultArgs: readonly string[];
      readonly timeout: number;
    }): Promise<Browser>;
  };
}

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);
const playwright = loaded('playwright-core', (module) => module as Playwright);

/** Starts a headless Chromium. The caller closes it. @param restoresPages Pages are restored from memory, as users' browsers do it. */
export const chromium: Found<(restoresPages?: boolean) => Promise<Browser>> =
  playwright.peer === undefined
    ? playwright
    : CHROMIUM === undefined
      ? { skip: 'needs Chromium: apt-get install chromium' }
      : {
          skip: false,
          peer: (restoresPages = false) =>
            playwright.peer.chromium.launch({
              executablePath: CHROMIUM,
              args: ['--no-sandbox', '--disable-dev-shm-usage'],
              ignoreDefaultArgs: restoresPages ? ['--disable-back-forward-cache'] : [],
              timeout: 60_000,
            }),
        };

/** A Python in which a module is installed. */
export function pythonWith(module: string): Found<string> {
  const path = ['/usr/bin/python3', 'python3'].find(
    (each) => spawnSync(each, ['-c', `import ${module}`], { stdio: 'ignore' }).status === 0,
  );
  return path === undefined
    ? { skip: `needs Python's ${module}: apt-get install python3-${module}` }
    : { peer: path, skip: false };
}

export const python: Found<string> = pythonWith('websockets');

/** Arguments that give this Node a global `WebSocket`: before Node 22 it needs a flag. */
export const nodeClient: Found<readonly string[]> =
  'WebSocket' in globalThis
    ? { peer: [], skip: false }
    : process.allowedNodeEnvironmentFlags.has('--experimental-websocket')
      ? { peer: ['--experimental-websocket'], skip: false }
      : { skip: 'needs a Node that has a WebSocket client' };

const SBIN = ['/usr/sbin', '/usr/bin', '/usr/local/sbin'];
const program = (name: string, debianPackage: string): Found<string> => {
  const path = SBIN.map((folder) => join(folder, name)).find((candidate) => existsSync(candidate));
  return path === undefined
    ? { skip: `needs ${name}: apt-get install ${debianPackage}` }
    : { peer: path, skip: false };
};

export const firefox: Found<string> = program('firefox-esr', 'firefox-esr');
export const curl: Found<string> = program('curl', 'curl');
export const libwebsocketsClient: Found<string> = program(
  'libwebsockets-test-client',
  'libwebsockets-test-server',
);
export const libwebsocketsServer: Found<string> = program(
  'libwebsockets-test-server',
  'libwebsockets-test-server',
);

const perl = program('perl', 'perl');
/** A Perl with Mojolicious and its TLS module. */
export const mojolicious: Found<string> =
  perl.peer !== undefined &&
  spawnSync(perl.peer, ['-MMojolicious', '-MIO::Socket::SSL', '-e', '1'], { stdio: 'ignore' }).status === 0
    ? perl
    : { skip: 'needs Mojolicious: apt-get install libmojolicious-perl libio-socket-ssl-perl' };

export const nginx: Found<string> = program('nginx', 'nginx-light');
export const haproxy: Found<string> = program('haproxy', 'haproxy');
/** Checks files of Compose; needs no Docker for that. */
export const dockerCompose: Found<string> = program('docker-compose', 'docker-compose');

export const tinyproxy: Found<string> = program('tinyproxy', 'tinyproxy');
export const squid: Found<string> = program('squid', 'squid');

/** Prometheus, and its checker of metrics, rules and alerts. */
export const prometheus: Found<string> = program('prometheus', 'prometheus');
export const promtool: Found<string> = program('promtool', 'prometheus');
/** Wireshark's reader of capture files. */
export const tshark: Found<string> = program('tshark', 'tshark');
