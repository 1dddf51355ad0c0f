import { once } from 'node:events';
import { connect as connectTcp, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls, createServer as createNodeTlsServer, type TLSSocket } from 'node:tls';
import { NODE_SOCKET } from '../engine/channels.ts';
import type { Engine } from '../engine/engine.ts';
import { HandleDial } from './handle-dial.ts';
import { adoptFindings, takeHandles } from './handle-transport.ts';
import { insist, Loopback, reset, talk, Verdict } from './loopback.ts';
import { connectorsAreKept, learnFrom, learnToDial, NodeSockets } from './node-handle.ts';
import { isDrivable, SocketTransport } from './socket-transport.ts';

/** Node reads as much at once. */
const PEER_BYTES = 65_536;

const plainServer = (): Server => createServer({ allowHalfOpen: true, noDelay: true });
const plainDial = (port: number): Socket =>
  connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
/** Reads megabytes into one buffer: otherwise a server would start with that much garbage. */
const frugalDial = (port: number): Socket => {
  const socket: Socket = connectTcp({
    port,
    host: '127.0.0.1',
    allowHalfOpen: true,
    noDelay: true,
    onread: {
      buffer: Buffer.allocUnsafeSlow(PEER_BYTES),
      callback: (bytes, buffer) => socket.emit('data', buffer.subarray(0, bytes)),
    },
  });
  return socket;
};

/** {@link Loopback.run} without keeping the process alive. `Verdict.reach` does that, if the verdict is awaited. */
const run = <Result>(server: Server, steps: (loopback: Loopback, server: Server) => Promise<Result>) =>
  Loopback.run(server, steps, false);

/**
 * The self-check: tests on the loopback interface, once per engine and only on demand, whether handles can be driven directly.
 * It covers reading, writing, blocked writes, pausing, and each way to end.
 */
export class SocketChecks {
  readonly #sockets: NodeSockets;
  readonly #learning = new Verdict(() => this.#learn());
  readonly #handles: Verdict;
  readonly #plain = new Verdict(() => this.#tryPlain());
  readonly #encrypted = new Verdict(() => this.#tryEncrypted());
  readonly #dials = new Verdict(() => this.#tryDials());
  #hasConnected = false;
  /** Verdicts of the checks that were started in the background. */
  readonly #prepared = new Map<Verdict, Promise<boolean>>();

  constructor(engine: Engine) {
    this.#sockets = engine.part(NodeSockets);
    this.#handles = new Verdict(() => this.#tryHandles(engine));
  }

  /** Whether the check of accepted handles has passed. False until then. */
  get areHandlesUsable(): boolean {
    return this.#handles.isGood;
  }

  /** Runs the check of accepted handles, and keeps the process alive meanwhile. Never rejects, and leaves nothing open. */
  checkHandles(): Promise<boolean> {
    return this.#handles.reach();
  }

  /** Whether the check of sockets that Node made has passed. False until then. */
  areSocketsUsable(encrypted: boolean): boolean {
    return this.#verdictOn(encrypted).isGood;
  }

  /** Runs the check of sockets, and keeps the process alive meanwhile. Never rejects, and leaves nothing open. */
  checkSockets(encrypted: boolean): Promise<boolean> {
    return this.#verdictOn(encrypted).reach();
  }

  /**
   * Runs the check of sockets in the background, without keeping the process alive. Later calls do not repeat a check that
   * failed. Never rejects.
   */
  prepareSockets(encrypted: boolean): Promise<boolean> {
    return this.#prepare(this.#verdictOn(encrypted));
  }

  /**
   * Whether handles can connect without sockets: their check has passed, and no other code observes the sockets of clients or
   * connects them.
   */
  get areDialsUsable(): boolean {
    return (
      this.#dials.isGood &&
      !NODE_SOCKET.hasSubscribers &&
      connectorsAreKept(this.#sockets.findings!.dialling!)
    );
  }

  /** Runs the check of handles that connect, and keeps the process alive meanwhile. Never rejects. */
  checkDials(): Promise<boolean> {
    return this.#dials.reach();
  }

  /**
   * As {@link prepareSockets}, for a client that connects. The second client without TLS also starts the check of handles that
   * connect: a process that connects once need not pay for it.
   */
  prepareClient(encrypted: boolean): void {
    void this.prepareSockets(encrypted);
    if (encrypted) return;
    if (this.#hasConnected) void this.#prepare(this.#dials);
    this.#hasConnected = true;
  }

  #prepare(verdict: Verdict): Promise<boolean> {
    let prepared = this.#prepared.get(verdict);
    if (prepared === undefined) {
      prepared = verdict.begin();
      this.#prepared.set(verdict, prepared);
    }
    return prepared;
  }

  #verdictOn(encrypted: boolean): Verdict {
    return encrypted ? this.#encrypted : this.#plain;
  }

  #learn(): Promise<void> {
    return run(plainServer(), async (loopback, server) => {
      const accepted = once(server, 'connection') as Promise<[Socket]>;
      const peer = loopback.dial(plainDial).resume();
      const learning = learnToDial(peer).catch(() => undefined);
      const [socket] = await accepted;
      const found = await learnFrom(loopback.keep(socket), await learning);
      adoptFindings(found);
      this.#sockets.findings = found;
    });
  }

  async #learned(): Promise<void> {
    insist(await this.#learning.begin(), 'nothing was learned');
  }

  async #tryHandles(engine: Engine): Promise<void> {
    await this.#learned();
    await run(plainServer(), async (loopback, server) => {
      const taken = takeHandles(server, engine, (open) => loopback.opened(open));
      insist(taken, 'a server does not give them away');
      await bothWays(loopback, frugalDial);
    });
  }

  async #tryPlain(): Promise<void> {
    await this.#learned();
    await run(plainServer(), async (loopback, server) => {
      server.on('connection', (socket) => this.#take(loopback, socket));
      await bothWays(loopback, frugalDial);
    });
  }

  async #tryDials(): Promise<void> {
    await this.#learned();
    insist(this.#sockets.findings!.dialling !== undefined, 'a socket connects in another way');
    await run(plainServer(), async (loopback, server) => {
      // Our end dials, and the peer is what the server accepts.
      const dial = async (port: number): Promise<Socket> => {
        const accepted = once(server, 'connection') as Promise<[Socket]>;
        await this.#dial(loopback, port);
        const [peer] = await accepted;
        return peer;
      };
      await bothWays(loopback, dial);
    });
  }

  #dial(loopback: Loopback, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const dial = new HandleDial({ address: '127.0.0.1', family: 4 }, port, this.#sockets, {
        handleDialled: () => {
          loopback.opened((owner) => dial.open(owner));
          dial.tune();
          resolve();
        },
        dialFailed: reject,
      });
      dial.unref();
      dial.start();
    });
  }

  async #tryEncrypted(): Promise<void> {
    await this.#learned();
    // With a pre-shared key, no certificate is needed.
    const key = Buffer.alloc(16, 'hawser');
    const ciphers = 'TLS_AES_128_GCM_SHA256:PSK';
    const server = createNodeTlsServer({
      pskCallback: () => key,
      ciphers,
      allowHalfOpen: true,
      noDelay: true,
    });
    await run(server, async (loopback) => {
      server.on('secureConnection', (socket) => this.#take(loopback, socket));
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
  }

  #take(loopback: Loopback, socket: Socket): void {
    loopback.keep(socket);
    insist(isDrivable(socket, this.#sockets.findings), 'a new socket cannot be driven');
    loopback.opened((owner) => new SocketTransport(socket, owner, this.#sockets));
  }
}

/** @param rawOf Returns the TCP socket of a peer. */
async function bothWays(
  loopback: Loopback,
  dial: (port: number) => Socket | Promise<Socket>,
  rawOf: (peer: Socket) => Socket = (peer) => peer,
): Promise<void> {
  await talk(...(await loopback.pair(dial)));
  const [trial, transport, peer] = await loopback.pair(dial);
  await reset(trial, transport, peer, rawOf(peer));
}
