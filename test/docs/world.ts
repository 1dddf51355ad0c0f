import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { selfSigned } from '../../src/testing/self-signed.ts';
import { type Connection, type ServerOptions, WebSocketServer } from '../../src/index.ts';
import { waitForEvent, waitUntil } from '../../src/testing/index.ts';

const WORLD = pathToFileURL(join(import.meta.dirname, 'world-child.js')).href;
const START = { deadlineMs: 30_000 };

/** A running program of a guide. */
export interface Running {
  readonly child: ChildProcess;
  readonly output: () => string;
  /** Resolves with the free port that replaces a printed one. Default: that of the server that listens first. */
  readonly port: (printed?: number) => Promise<number>;
  /** Resolves with the output after the program has exited by itself. */
  readonly ended: () => Promise<string>;
}

export interface World {
  /** Printed ports, and the ports of the servers that replace them. */
  readonly ports?: Readonly<Record<number, number>>;
  /** Certificate to trust, as PEM. */
  readonly ca?: string;
  readonly execArgv?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export function run(t: TestContext, file: string, world: World = {}): Running {
  const { ports = {}, ca, execArgv = [], args = [], env = {} } = world;
  const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
  const caFile = join(folder, 'ca.pem');
  if (ca !== undefined) writeFileSync(caFile, ca);
  const child = spawn(process.execPath, [...execArgv, '--import', WORLD, file, ...args], {
    env: {
      ...process.env,
      HAWSER_DOCS_PORTS: JSON.stringify(ports),
      ...(ca === undefined ? {} : { NODE_EXTRA_CA_CERTS: caFile }),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let printed = '';
  const listening = new Map<number, number>();
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => (printed += chunk));
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => (printed += chunk));
  child.on('message', (message) => {
    const { printed: asPrinted, port } = message as { printed: number; port: number };
    listening.set(asPrinted, port);
  });
  const exit = waitForEvent<[number | null, string | null]>(child, 'close', { deadlineMs: 60_000 });
  t.after(async () => {
    child.kill('SIGKILL');
    await exit;
    rmSync(folder, { recursive: true });
  });
  return {
    child,
    output: () => printed,
    port: async (asPrinted) =>
      (await waitUntil(
        () => {
          assert.equal(child.exitCode, null, printed);
          return asPrinted === undefined ? [...listening.values()][0] : listening.get(asPrinted);
        },
        { ...START, description: 'a program that listens' },
      )) ?? assert.fail(),
    ended: async () => {
      assert.deepEqual(await exit, [0, null], printed);
      return printed;
    },
  };
}

/** A server at `wss://<name>.example` for client programs. */
export interface Harbour extends World {
  readonly server: WebSocketServer;
  readonly nextConnection: () => Promise<Connection>;
}

export async function harbour(t: TestContext, host: string, options: ServerOptions = {}): Promise<Harbour> {
  const tls = selfSigned([host], Date.now());
  const server = new WebSocketServer({ ...options, tls });
  const connections: Connection[] = [];
  let seen = 0;
  server.on('connection', (connection) => void connections.push(connection));
  const { port } = await server.listen(0, '127.0.0.1');
  t.after(() => server.shutdown({ timeoutMs: 1_000 }));
  return {
    server,
    ports: { 443: port },
    ca: tls.cert,
    nextConnection: async () => {
      const at = seen++;
      return (await waitUntil(() => connections[at], START)) ?? assert.fail();
    },
  };
}
