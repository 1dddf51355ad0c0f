import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls, createServer as createNodeTlsServer, type TLSSocket } from 'node:tls';
import { adoptFindings, takeHandles } from './handle-transport.ts';
import { insist, Loopback, reset, talk, Verdict } from './loopback.ts';
import { learnFrom } from './node-handle.ts';
import { isDrivable, SocketTransport } from './socket-transport.ts';

// Tries out on the loopback interface, once per process and only where it is asked for, whether handles can be driven
// directly: reading, writing, writes that have to wait, pausing, and each way to end.

const plainServer = (): Server => createServer({ allowHalfOpen: true });
const plainDial = (port: number): Socket => connect({ port, host: '127.0.0.1', allowHalfOpen: true });

const learning = new Verdict(() =>
  Loopback.run(plainServer(), async (loopback, server) => {
    const accepted = once(server, 'connection');
    loopback.dial(plainDial).resume();
    const [socket] = (await accepted) as [Socket];
    adoptFindings(await learnFrom(loopback.keep(socket)));
  }),
);

async function learn(): Promise<void> {
  insist(await learning.reach(), 'nothing was learnt');
}

const handles = new Verdict(async () => {
  await learn();
  await Loopback.run(plainServer(), async (loopback, server) => {
    const taken = takeHandles(server, (open) => loopback.opened(open));
    insist(taken, 'a server does not give them away');
    await bothWays(loopback, plainDial);
  });
});

const sockets = new Verdict(async () => {
  await learn();
  await Loopback.run(plainServer(), async (loopback, server) => {
    server.on('connection', (socket) => take(loopback, socket));
    await bothWays(loopback, plainDial);
  });
});

const tlsSockets = new Verdict(async () => {
  await learn();
  // A key that both know needs no certificate.
  const key = Buffer.alloc(16, 'hawser');
  const ciphers = 'TLS_AES_128_GCM_SHA256:PSK';
  const server = createNodeTlsServer({ pskCallback: () => key, ciphers, allowHalfOpen: true });
  await Loopback.run(server, async (loopback) => {
    server.on('secureConnection', (socket) => take(loopback, socket));
    let raw: Socket | undefined;
    const dial = (port: number): TLSSocket => {
      raw = loopback.keep(plainDial(port));
      return connectTls({
        socket: raw,
        pskCallback: () => ({ psk: key, identity: 'hawser' }),
        ciphers,
        checkServerIdentity: () => undefined,
      });
    };
    await bothWays(loopback, dial, () => raw!);
  });
});

function take(loopback: Loopback, socket: Socket): void {
  loopback.keep(socket);
  insist(isDrivable(socket), 'a new socket cannot be driven');
  loopback.opened((owner) => new SocketTransport(socket, owner));
}

/** @param rawOf What TCP knows of a peer. */
async function bothWays(
  loopback: Loopback,
  dial: (port: number) => Socket,
  rawOf: (peer: Socket) => Socket = (peer) => peer,
): Promise<void> {
  await talk(...(await loopback.pair(dial)));
  const [trial, transport, peer] = await loopback.pair(dial);
  await reset(trial, transport, peer, rawOf(peer));
}

/** Whether what a server of ours accepts can be driven by its handle on this Node, as far as is known. */
export const handlesUsable = (): boolean => handles.isGood;

/** Finds that out. Never rejects, and leaves nothing open. */
export const checkHandles = (): Promise<boolean> => handles.reach();

/** Whether the streams of sockets that Node made can be passed by, as far as is known. */
export const socketsUsable = (encrypted: boolean): boolean => (encrypted ? tlsSockets : sockets).isGood;

/** Finds that out. Never rejects, and leaves nothing open. */
export const checkSockets = (encrypted: boolean): Promise<boolean> =>
  (encrypted ? tlsSockets : sockets).reach();
