import assert from 'node:assert/strict';
import type { Connection, Message, ServerOptions } from '../src/index.ts';
import { eventLoopTurns } from '../src/testing/index.ts';
import { Lane, Messages } from './patterns.ts';
import { type Prng, prng } from './prng.ts';
import { openSite, type Site, type Way, WAYS } from './sites.ts';

/** Time limit, in real milliseconds, for the last messages of a pass. */
const ARRIVAL_MS = 10_000;
const MEMBERS = 6;
const ACTS = 150;
const RETAINED = 12;
const TOPIC = 'all';

/** One connection with both ends. */
interface Member {
  readonly index: number;
  readonly site: Site;
  readonly toClient: Lane;
  readonly toServer: Lane;
  server: Connection<number> | undefined;
  client: Connection | undefined;
}
/** One end of a connection, and the lanes of both directions. */
interface End {
  readonly connection: Connection<number> | Connection;
  readonly out: Lane;
  readonly in: Lane;
  readonly sender: number;
}

const deflate = (random: Prng): ServerOptions['perMessageDeflate'] =>
  random.bool()
    ? false
    : {
        thresholdBytes: random.pick([0, 64, 1_024]),
        asyncThresholdBytes: random.pick([1_024, 32_768, 262_144]),
        contextTakeover: random.bool(),
      };

/** One pass: six connections to two servers, with listeners that do random actions of an application. */
class Life {
  readonly #random: Prng;
  readonly #messages: Messages;
  readonly #members: Member[] = [];
  readonly #retained: Message[] = [];
  readonly #faults: unknown[] = [];
  /** Connections that emitted `close`: their last message was delivered. `closeInfo` is set earlier. */
  readonly #over = new WeakSet<object>();
  /** The transports of this pass. */
  readonly ways: readonly Way[];
  #acts = ACTS;
  /** Answers that handlers will send in a later turn. */
  #pendingAnswers = 0;
  #sites: readonly Site[] = [];

  constructor(random: Prng) {
    this.#random = random;
    this.#messages = new Messages(random);
    this.ways = [random.pick(WAYS), random.pick(WAYS)];
  }

  async run(): Promise<void> {
    const random = this.#random;
    this.#sites = await Promise.all(this.ways.map((way) => this.#open(way)));
    try {
      for (let index = 0; index < MEMBERS; index++) await this.#join(index);
      while (this.#acts > 0) {
        for (let i = random.int(4); i >= 0; i--) this.#act();
        await eventLoopTurns(random.int(3));
        this.#throwFault();
      }
      // A client that has closed drops data that arrives later, so no answer may be sent after that.
      await this.#until(
        () => this.#pendingAnswers === 0 && this.#members.every((member) => this.#isQuiet(member)),
      );
      for (const { client } of this.#members) client!.close();
      await this.#until(() =>
        this.#members.every(({ client, server }) => this.#isOver(client) && this.#isOver(server)),
      );
      this.#throwFault();
      for (const { toClient, toServer } of this.#members) {
        toClient.finish();
        toServer.finish();
      }
    } finally {
      for (const { client } of this.#members) client?.terminate();
      await Promise.all(this.#sites.map((site) => site.close()));
    }
  }

  async #open(way: Way): Promise<Site> {
    const random = this.#random;
    const site = await openSite(way, random, {
      perMessageDeflate: deflate(random),
      maxMessageBytes: 1_000_000,
      maxBufferedBytes: 500_000_000,
      highWaterMarkBytes: random.pick([20_000, 300_000]),
      receiveAheadBytes: random.pick([500, 65_536]),
      maxConcurrentMessages: random.pick([1, 4]),
      heartbeat: false,
      idleTimeoutMs: false,
      upgrade: ({ request }) => {
        this.#maybe(0.5);
        return { data: Number(new URL(request.url).pathname.slice(1)) };
      },
    });
    const { server } = site;
    server.on('connection', (connection) => {
      const member = this.#members[connection.data]!;
      member.server = connection;
      this.#listen({
        connection,
        out: member.toClient,
        in: member.toServer,
        sender: member.index + MEMBERS,
      });
      if (random.bool(0.7)) connection.subscribe(TOPIC);
      this.#maybe(0.5);
    });
    server.on('error', (error) => void this.#faults.push(error));
    for (const event of ['subscribe', 'drain', 'close'] as const) server.on(event, () => this.#maybe(0.3));
    return site;
  }

  async #join(index: number): Promise<void> {
    const site = this.#random.pick(this.#sites);
    const name = `${site.way}, connection ${index}`;
    const member: Member = {
      index,
      site,
      toClient: new Lane(`${name}, to the client`),
      toServer: new Lane(`${name}, to the server`),
      server: undefined,
      client: undefined,
    };
    this.#members.push(member);
    const client = await site.connect(index, {
      perMessageDeflate: deflate(this.#random),
      maxMessageBytes: 1_000_000,
      maxBufferedBytes: 500_000_000,
      heartbeat: false,
      idleTimeoutMs: false,
    });
    member.client = client;
    this.#listen({ connection: client, out: member.toServer, in: member.toClient, sender: index });
  }

  #listen(end: End): void {
    const connection = end.connection as Connection;
    connection.on('message', (message) => this.#received(end, message));
    connection.on('close', () => void this.#over.add(connection));
    for (const event of ['ping', 'pong', 'drain', 'stateChange', 'close'] as const) {
      connection.on(event, () => this.#maybe(0.3));
    }
    connection.on('error', (error) => {
      // The other end may still write before it learns of an abort.
      const isExpected = error.name === 'TransportError' && (end.in.mayEndEarly || end.out.mayEndEarly);
      if (!isExpected) this.#faults.push(error);
    });
  }

  #received(end: End, message: Message): Promise<void> | undefined {
    try {
      end.in.take(message);
    } catch (error) {
      this.#faults.push(error);
      this.#acts = 0;
      return undefined;
    }
    const random = this.#random;
    if (this.#retained.push(message) > RETAINED) this.#retained.shift();
    if (this.#acts <= 0) return undefined;
    if (random.bool(0.4)) {
      this.#acts--;
      this.#send(random.bool() ? end : this.#pickEnd(), message);
    }
    if (random.bool(0.2)) this.#spread(message);
    this.#maybe(0.3);
    if (!random.bool(0.1)) return undefined;
    this.#pendingAnswers++;
    return eventLoopTurns(1 + random.int(2)).then(() => {
      this.#pendingAnswers--;
      this.#send(end, message);
    });
  }

  #maybe(probability: number): void {
    if (this.#random.bool(probability)) this.#act();
  }

  /** Does one random action of an application. */
  #act(): void {
    if (this.#acts-- <= 0) return;
    const random = this.#random;
    const end = this.#pickEnd();
    const kind = random.int(20);
    if (kind < 6) this.#send(end, this.#messages.next(end?.sender ?? 0));
    else if (kind < 12) this.#send(end, this.#pickRetained());
    else if (kind < 14) this.#spread(random.bool() ? this.#pickRetained() : this.#messages.next(2 * MEMBERS));
    else if (kind < 16) end?.connection.ping('p');
    else if (kind < 18) this.#pause(end);
    else if (kind === 18 && random.bool(0.15)) this.#close(end);
    else if (kind === 19 && random.bool(0.1)) this.#terminate(end);
  }

  #send(end: End | undefined, message: Message): void {
    if (end === undefined) return;
    const isOpen = end.connection.state === 'open';
    end.connection.send(message);
    if (isOpen) accepted(end.connection, end.out, message);
  }

  /** Sends a message to many connections, by one of the available methods. */
  #spread(message: Message): void {
    const random = this.#random;
    const { server } = random.pick(this.#sites);
    const lanes = new Map(
      this.#members.flatMap(({ server: of, toClient }) => (of === undefined ? [] : [[of, toClient]])),
    );
    let recipient: Connection<number> | undefined;
    const settle = (): void => {
      if (recipient !== undefined) accepted(recipient, lanes.get(recipient)!, message);
    };
    // A recipient gets the message before the filter runs for the next connection, so each call records the previous recipient.
    const where = (connection: Connection<number>): boolean => {
      settle();
      recipient = lanes.has(connection) ? connection : undefined;
      return recipient !== undefined;
    };
    const one = random.pick(this.#members).server;
    const way = random.int(3);
    if (way === 0) server.broadcast(message, { where });
    else if (way === 1) server.publish(TOPIC, message, { where });
    else if (one !== undefined) one.publish(TOPIC, message, { where });
    settle();
  }

  #pause(end: End | undefined): void {
    if (end === undefined) return;
    end.connection.pause();
    void eventLoopTurns(1 + this.#random.int(4)).then(() => end.connection.resume());
  }

  #close(end: End | undefined): void {
    if (end === undefined) return;
    // The end that closes may stop reading early.
    end.in.mayEndEarly = true;
    end.connection.close(4000);
  }

  #terminate(end: End | undefined): void {
    if (end === undefined) return;
    end.in.mayEndEarly = true;
    end.out.mayEndEarly = true;
    end.connection.terminate();
  }

  #pickEnd(): End | undefined {
    if (this.#members.length === 0) return undefined;
    const { index, client, server, toClient, toServer } = this.#random.pick(this.#members);
    const isClient = this.#random.bool();
    const connection = isClient ? client : server;
    if (connection === undefined) return undefined;
    return isClient
      ? { connection, out: toServer, in: toClient, sender: index }
      : { connection, out: toClient, in: toServer, sender: index + MEMBERS };
  }

  /** A retained message, most often the latest: the memory of its bytes is the most likely to be reused by a later read. */
  #pickRetained(): Message {
    if (this.#retained.length === 0) return this.#messages.next(0);
    return this.#random.bool() ? this.#retained.at(-1)! : this.#random.pick(this.#retained);
  }

  #isOver(connection: Connection<number> | Connection | undefined): boolean {
    return connection === undefined || this.#over.has(connection);
  }

  /** Whether everything that was sent has arrived, or the connection has ended. */
  #isQuiet({ client, server, toClient, toServer }: Member): boolean {
    if (this.#isOver(client) && this.#isOver(server)) return true;
    return client?.state === 'open' && server?.state === 'open' && toClient.isDone && toServer.isDone;
  }

  #throwFault(): void {
    if (this.#faults.length > 0) throw this.#faults[0];
  }

  async #until(isReached: () => boolean): Promise<void> {
    const giveUpAtMs = performance.now() + ARRIVAL_MS;
    while (!isReached()) {
      this.#throwFault();
      if (performance.now() > giveUpAtMs) {
        const lanes = this.#members.flatMap(({ toClient, toServer }) => [toClient, toServer]);
        for (const lane of lanes) lane.finish();
        assert.fail('a connection did not end');
      }
      await eventLoopTurns(1);
    }
  }
}

/**
 * Records a message that an open connection accepted. Call it after the send: the send may emit `drain`, and messages that its
 * listeners send come first. If such a listener has ended the connection, the message may or may not have been accepted.
 */
function accepted(connection: Connection<number> | Connection, lane: Lane, message: Message): void {
  lane.accept(message);
  if (connection.state !== 'open') lane.mayEndEarly = true;
}

/**
 * Sends, echoes, relays, publishes, broadcasts, pings, pauses, closes and aborts inside listeners, over two transports at a time.
 * Every unit of a payload names its sender and its message. Invariants:
 * - No message contains a byte of another message.
 * - Every accepted message arrives whole, once and in the order of the calls.
 * - No ERR_HANDLER is reported.
 * The operating system decides how socket data is cut, so a seed repeats the actions but not always the finding.
 * @throws Error that names seed and iteration.
 */
export async function fuzzMingling(seed: number, iterations: number): Promise<void> {
  const random = prng(seed);
  // One pass has six connections.
  for (let iteration = 0; iteration < iterations / 100; iteration++) {
    const life = new Life(random);
    try {
      await life.run();
    } catch (error) {
      const over = life.ways.join(' and ');
      throw new Error(`seed ${seed}, iteration ${iteration}, over ${over}`, { cause: error });
    }
  }
}
