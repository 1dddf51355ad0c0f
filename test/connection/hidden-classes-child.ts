// Opens and closes a few connections, collects them, and opens more. Sends the names of the classes whose objects are
// dictionaries then. Its parent runs it with `--expose-gc`, and names the case.
import { once } from 'node:events';
import process from 'node:process';
import { getHeapSnapshot } from 'node:v8';
import { text } from 'node:stream/consumers';
import { connect, WebSocketServer } from '../../src/index.ts';
import { eventLoopTurns } from '../../src/testing/index.ts';
import { WebSocket, WebSocketServer as WsServer } from '../../src/ws/index.ts';

/** Each has two ends in this process. V8 decides at the seventh object of a class. */
const EARLY = 3;
const LATE = 30;
/** Long enough to be compressed. */
const MESSAGE = 'x'.repeat(2_000);

type Open = (url: string) => Promise<{ close(): Promise<unknown> }>;

async function nativeServer(perMessageDeflate: boolean): Promise<string> {
  const server = new WebSocketServer({ perMessageDeflate });
  server.on('connection', (connection) => connection.on('message', (message) => connection.send(message)));
  const { port } = await server.listen({ port: 0, host: '127.0.0.1' });
  return `ws://127.0.0.1:${port}`;
}

const native =
  (perMessageDeflate: boolean): Open =>
  async (url) => {
    const connection = await connect(url, { perMessageDeflate });
    const answered = once(connection, 'message');
    connection.send(MESSAGE);
    await answered;
    return { close: () => (connection.close(), connection.closed) };
  };

async function wsServer(perMessageDeflate: boolean): Promise<string> {
  const server = new WsServer({ port: 0, host: '127.0.0.1', perMessageDeflate });
  server.on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
  await once(server, 'listening');
  return `ws://127.0.0.1:${(server.address() as { port: number }).port}`;
}

const ws =
  (perMessageDeflate: boolean): Open =>
  async (url) => {
    const socket = new WebSocket(url, { perMessageDeflate });
    await once(socket, 'open');
    socket.send(MESSAGE);
    await once(socket, 'message');
    return { close: () => (socket.close(), once(socket, 'close')) };
  };

interface Heap {
  readonly nodes: readonly number[];
  readonly edges: readonly number[];
  readonly strings: readonly string[];
  readonly snapshot: {
    readonly meta: { readonly node_fields: readonly string[]; readonly edge_fields: readonly string[] };
  };
}

/** @returns The number of objects whose properties are in a dictionary, by class. */
async function dictionaries(): Promise<Map<string, number>> {
  const { nodes, edges, strings, snapshot } = JSON.parse(await text(getHeapSnapshot())) as Heap;
  const { node_fields: fields, edge_fields: edgeFields } = snapshot.meta;
  const name = fields.indexOf('name');
  const edgeCount = fields.indexOf('edge_count');
  const edgeName = edgeFields.indexOf('name_or_index');
  const target = edgeFields.indexOf('to_node');
  const counts = new Map<string, number>();
  let edge = 0;
  for (let node = 0; node < nodes.length; node += fields.length) {
    for (let left = nodes[node + edgeCount]!; left > 0; left--, edge += edgeFields.length) {
      if (strings[edges[edge + edgeName]!] !== 'properties') continue;
      if (strings[nodes[edges[edge + target]! + name]!] !== '(object properties)') continue;
      const owner = strings[nodes[node + name]!]!;
      counts.set(owner, (counts.get(owner) ?? 0) + 1);
    }
  }
  return counts;
}

/** @returns Names of classes of which each connection has an object that is a dictionary. */
async function run(url: string, open: Open): Promise<string[]> {
  const before = await dictionaries();
  for (let i = 0; i < EARLY; i++) await (await open(url)).close();
  for (let i = 0; i < 2; i++) {
    await eventLoopTurns(10);
    globalThis.gc!();
  }
  const late: unknown[] = [];
  while (late.length < LATE) late.push(await open(url));
  const after = await dictionaries();
  // Records of headers are dictionaries by intention.
  after.delete('Object');
  return [...after].filter(([owner, n]) => n - (before.get(owner) ?? 0) >= LATE).map(([owner]) => owner);
}

const [library, form] = process.argv.slice(2);
const compressed = form === 'compressed';
const found =
  library === 'ws'
    ? await run(await wsServer(compressed), ws(compressed))
    : await run(await nativeServer(compressed), native(compressed));
process.send!(found, () => process.exit(0));
