// The load generator, as a process of its own. It speaks just enough WebSocket to keep a server busy: frames are built
// once, and of what comes back only the first is read; the others are counted by their length.
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import process from 'node:process';
import { buildFrame } from '../src/protocol/frame-builder.ts';
import { OPCODE } from '../src/protocol/constants.ts';
import type { LoadMessage, LoadRequest } from './protocol.ts';

const MAX_LATENCIES = 200_000;
/** How many latencies the runner gets: enough for a 99th percentile. */
const REPORTED_LATENCIES = 2_000;

const tell = (message: LoadMessage): void => void process.send!(message);

interface Peer {
  readonly socket: Socket;
  /** Bytes that belong to a message not whole yet. */
  rest: number;
  sentAtMs: number;
}

/** Opens a WebSocket and hands everything behind the 101 to `received`. */
function open(port: number, path: string, received: (peer: Peer, chunk: Buffer) => void): Promise<Peer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const peer: Peer = { socket, rest: 0, sentAtMs: 0 };
    socket.on('error', reject);
    socket.on('connect', () => {
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
          `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
      );
    });
    let head = '';
    const upgraded = (chunk: Buffer): void => {
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      socket.off('data', upgraded);
      if (!head.startsWith('HTTP/1.1 101 ') || !head.endsWith('\r\n\r\n')) {
        reject(new Error(`no upgrade: ${head.split('\r\n', 1)[0]}`));
        return;
      }
      socket.on('data', (data: Buffer) => received(peer, data));
      resolve(peer);
    };
    socket.on('data', upgraded);
  });
}

async function run({ cell, port, warmUpMs, windowMs }: LoadRequest): Promise<void> {
  const payload = randomBytes(cell.payloadBytes);
  const request = buildFrame(OPCODE.BINARY, payload, randomBytes(4).readInt32LE());
  const answer = buildFrame(OPCODE.BINARY, payload, undefined);
  const batch = Buffer.concat(Array.from({ length: cell.pipeline }, () => request));
  const timed = cell.kind === 'echo' && cell.pipeline === 1;
  const latencies: number[] = [];
  let messages = 0;
  let counting = false;
  let checked = false;
  let firstAnswer = Buffer.alloc(0);
  let stopped = false;

  const check = (chunk: Buffer): void => {
    firstAnswer = Buffer.concat([firstAnswer, chunk]);
    if (firstAnswer.length < answer.length) return;
    checked = true;
    if (Buffer.compare(firstAnswer.subarray(0, answer.length), answer) !== 0) {
      throw new Error('the first answer differs from what was sent');
    }
  };
  /** @returns How many messages are whole now. */
  const wholeMessages = (peer: Peer, chunk: Buffer): number => {
    if (!checked) check(chunk);
    const bytes = peer.rest + chunk.length;
    const whole = Math.floor(bytes / answer.length);
    peer.rest = bytes - whole * answer.length;
    if (counting) messages += whole;
    return whole;
  };

  const peers: Peer[] = [];
  if (cell.kind === 'echo') {
    const echoed = (peer: Peer, chunk: Buffer): void => {
      const whole = wholeMessages(peer, chunk);
      if (whole === 0 || stopped) return;
      if (timed) {
        const now = performance.now();
        if (counting && latencies.length < MAX_LATENCIES) latencies.push(now - peer.sentAtMs);
        peer.sentAtMs = now;
      }
      peer.socket.write(whole === cell.pipeline ? batch : batch.subarray(0, whole * request.length));
    };
    for (let i = 0; i < cell.connections; i++) peers.push(await open(port, '/echo', echoed));
    for (const peer of peers) {
      peer.sentAtMs = performance.now();
      peer.socket.write(batch);
    }
  } else {
    let due = 0;
    const arrived = (peer: Peer, chunk: Buffer): void => {
      due -= wholeMessages(peer, chunk);
      if (due === 0 && !stopped) publish();
    };
    for (let i = 0; i < cell.connections; i++) peers.push(await open(port, '/fan-out', arrived));
    const publisher = await open(port, '/fan-out', () => undefined);
    peers.push(publisher);
    const publish = (): void => {
      due = cell.connections * cell.pipeline;
      publisher.socket.write(batch);
    };
    publish();
  }

  await sleep(warmUpMs);
  tell({ type: 'windowBegins' });
  counting = true;
  const startedAtMs = performance.now();
  await sleep(windowMs);
  counting = false;
  const elapsedMs = performance.now() - startedAtMs;
  const step = Math.max(1, Math.floor(latencies.length / REPORTED_LATENCIES));
  const latencyMicros = latencies.filter((_, i) => i % step === 0).map((ms) => Math.round(ms * 1_000));
  tell({ type: 'windowEnds', messages, elapsedMs, latencyMicros });
  stopped = true;
  await Promise.all(
    peers.map(
      ({ socket }) =>
        new Promise((resolve) => {
          socket.once('close', resolve);
          socket.destroy();
        }),
    ),
  );
  tell({ type: 'ready' });
}

const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

const fail = (error: unknown): void => {
  tell({ type: 'failed', why: error instanceof Error ? error.message : String(error) });
};
process.on('uncaughtException', fail);
process.on('message', (request: LoadRequest) => void run(request).catch(fail));
process.on('disconnect', () => process.exit());
tell({ type: 'ready' });
