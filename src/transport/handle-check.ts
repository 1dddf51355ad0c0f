import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { type HandleTransport, learnFrom, takeHandles } from './handle-transport.ts';
import type { TransportOwner } from './transport.ts';

/** How long the whole check may take, in ms. It takes 10 to 30. */
const MAX_CHECK_MS = 2_000;
const CHUNK = Buffer.alloc(1_048_576, 'hawser');
/** More than any kernel takes from somebody whose peer does not read. */
const MAX_CHUNKS = 64;

let verdict: Promise<boolean> | undefined;
let isUsable = false;

/** Whether TCP handles can be driven directly on this Node, as far as is known: see {@link checkHandles}. */
export const handlesUsable = (): boolean => isUsable;

/**
 * Tries out on the loopback interface, once per process, whether TCP handles can be driven directly: reading, writing,
 * writes that have to wait, pausing, and each way to end. Never rejects, and leaves nothing open.
 */
export function checkHandles(): Promise<boolean> {
  verdict ??= tryOut().then(
    () => (isUsable = true),
    () => {
      // It may have been for want of descriptors: the next one who asks tries again.
      verdict = undefined;
      return false;
    },
  );
  return verdict;
}

/** What a transport told its owner. */
class Trial implements TransportOwner {
  text = '';
  transport: HandleTransport | undefined;
  inputEnded = false;
  end: { readonly error: Error | undefined } | undefined;
  /** Something may have changed. */
  look: () => void = () => {};

  /** Waits until `condition` holds. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.look = resolve;
      });
    }
  }

  accepted(transport: HandleTransport): void {
    this.transport = transport;
    this.look();
  }

  received(chunk: Buffer): void {
    this.text += chunk.toString('latin1');
    this.look();
  }

  receivedEnd(): void {
    this.inputEnded = true;
    this.look();
  }

  writable(): void {
    this.look();
  }

  closed(error: Error | undefined): void {
    this.end = { error };
    this.look();
  }
}

const insist = (holds: boolean, what: string): void => {
  if (!holds) throw new Error(`handles: ${what}`);
};

async function tryOut(): Promise<void> {
  const server = createServer({ allowHalfOpen: true });
  const sockets: Socket[] = [];
  const trials: Trial[] = [];
  const open = (): Socket => {
    const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
    sockets.push(socket.on('error', () => {}));
    return socket;
  };
  let timer: NodeJS.Timeout | undefined;
  try {
    await Promise.race([
      exchange(server, open, sockets, trials),
      new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error('handles: too slow')), MAX_CHECK_MS);
      }),
    ]);
  } finally {
    clearTimeout(timer);
    for (const { transport } of trials) transport?.destroy();
    await Promise.all(sockets.map((socket) => closed(socket)));
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  }
}

async function closed(socket: Socket): Promise<void> {
  if (socket.closed) return;
  const gone = new Promise((resolve) => socket.once('close', resolve));
  socket.destroy();
  await gone;
}

async function exchange(
  server: Server,
  open: () => Socket,
  sockets: Socket[],
  trials: Trial[],
): Promise<void> {
  // Not shared with other processes of a cluster, whose connections these would be.
  server.listen({ port: 0, host: '127.0.0.1', exclusive: true });
  await once(server, 'listening');
  server.once('connection', (socket) => void sockets.push(socket.on('error', () => {})));
  open().resume();
  await once(server, 'connection');
  await learnFrom(sockets[1]!);

  insist(
    takeHandles(server, (openHandle) => {
      const trial = trials.at(-1)!;
      trial.accepted(openHandle(trial));
    }),
    'a server does not give them away',
  );
  const begin = async (): Promise<[Trial, HandleTransport, Socket]> => {
    const trial = new Trial();
    trials.push(trial);
    const socket = open();
    await once(socket, 'connect');
    await trial.until(() => trial.transport !== undefined);
    return [trial, trial.transport!, socket];
  };
  await talk(...(await begin()));
  await reset(...(await begin()));
}

async function talk(trial: Trial, transport: HandleTransport, peer: Socket): Promise<void> {
  let text = '';
  let bytes = 0;
  peer.on('data', (chunk: Buffer) => {
    if (text.length < 16) text += chunk.toString('latin1');
    bytes += chunk.length;
    trial.look();
  });
  insist(transport.remotePort === peer.localPort, 'the address of the peer');
  peer.write('one');
  await trial.until(() => trial.text === 'one');
  transport.write([Buffer.from('two')]);
  transport.write([Buffer.from('three'), Buffer.from('four')]);
  insist(!transport.blocked && transport.bufferedBytes === 0, 'small writes wait');
  await trial.until(() => text === 'twothreefour');

  transport.pause();
  peer.pause();
  peer.write('five');
  let chunks = 0;
  for (; !transport.blocked && chunks < MAX_CHUNKS; chunks++) transport.write([CHUNK]);
  insist(transport.blocked && transport.bufferedBytes > 0, 'a write never waits');
  insist(trial.text === 'one', 'paused input arrives');
  const due = 12 + chunks * CHUNK.length;
  peer.resume();
  await trial.until(() => bytes === due && !transport.blocked);
  insist(transport.bufferedBytes === 0, 'bytes wait after they were taken');
  transport.resume();
  await trial.until(() => trial.text === 'onefive');

  let peerEnded = false;
  peer.on('end', () => {
    peerEnded = true;
    trial.look();
  });
  transport.end();
  await trial.until(() => peerEnded);
  insist(trial.end === undefined, 'ending one half ends both');
  peer.end();
  await trial.until(() => trial.end !== undefined);
  insist(trial.inputEnded && trial.end?.error === undefined, 'the end is an error');
}

async function reset(trial: Trial, transport: HandleTransport, peer: Socket): Promise<void> {
  peer.write('six');
  await trial.until(() => trial.text === 'six');
  peer.resetAndDestroy();
  await trial.until(() => trial.end !== undefined);
  insist(
    (trial.end?.error as { readonly code?: string } | undefined)?.code === 'ECONNRESET',
    'a reset is no error',
  );
  transport.write([Buffer.from('seven')]);
  insist(transport.bufferedBytes === 0, 'what is gone keeps bytes');
}
