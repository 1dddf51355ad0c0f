// What a reconnect storm costs the server: node build/bench/storm.js [--connections <n>] [--rounds <n>] [--library <file>]
// Every connection resumes one topic, 50 messages each, against the same frames to as many connections by `send`. Servers and clients
// have their own processes. The sides alternate.
import process from 'node:process';
import { parseArgs } from 'node:util';
import { processUsage } from '../src/load/index.ts';
import { Child, CORE } from './child.ts';
import { count } from './count.ts';
import type { StormServer } from './servers/storm.ts';
import { median } from './statistics.ts';
import type { StormOrder } from './storm-clients.ts';

const script = (name: string): string[] => [process.execPath, `${import.meta.dirname}/${name}.js`];

/** One server with its clients. */
class Side {
  readonly #server: Child;
  readonly #clients = new Child('clients', CORE.LOAD, script('storm-clients'), {});
  #hello: StormServer | undefined;

  constructor(args: readonly string[]) {
    this.#server = new Child('server', CORE.SERVER, [...script('servers/storm'), ...args], {});
  }

  get hello(): StormServer {
    return this.#hello!;
  }

  async open(connections: number, protocol?: string): Promise<void> {
    this.#hello = await this.#server.next<StormServer>();
    await this.order({ open: connections, port: this.hello.port, ...(protocol && { protocol }) });
  }

  async order(order: StormOrder): Promise<void> {
    await this.#clients.ask(JSON.stringify(order));
  }

  /** The server sends its frames to every connection. */
  async sendAll(): Promise<void> {
    await this.order({ frames: this.hello.messages });
    await Promise.all([this.#clients.next(), this.#server.ask('send')]);
  }

  /** CPU time of the server during a step, in ms. */
  async cpuMs(step: () => Promise<void>): Promise<number> {
    const used = (): number => processUsage(this.#server.pid)!.cpuMicros / 1_000;
    const before = used();
    await step();
    return used() - before;
  }

  async end(): Promise<void> {
    await Promise.all([this.#server.kill(), this.#clients.kill()]);
  }
}

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '10000' },
    rounds: { type: 'string', default: '9' },
    library: { type: 'string' },
  },
});
const connections = count('connections', values.connections);
const rounds = count('rounds', values.rounds);
const args = values.library === undefined ? [] : [`--library=${values.library}`];

const resuming = new Side(args);
const sending = new Side(args);
const UNSUBSCRIBE = JSON.stringify({ op: 'unsubscribe', id: 2, topic: 'news' });
const figures: Record<'resume' | 'send' | 'asked', number[]> = { resume: [], send: [], asked: [] };
try {
  await Promise.all([resuming.open(connections, 'hawser.v1'), sending.open(connections)]);
  const { epoch, messages } = resuming.hello;
  const subscribe = JSON.stringify({ op: 'subscribe', id: 1, topic: 'news', since: { epoch, offset: 0 } });
  // The first round compiles.
  for (let round = 0; round <= rounds; round++) {
    const resume = await resuming.cpuMs(() => resuming.order({ text: subscribe, frames: messages + 1 }));
    await resuming.order({ text: UNSUBSCRIBE, frames: 1 });
    const send = await sending.cpuMs(() => sending.sendAll());
    const asked = await sending.cpuMs(() => sending.order({ text: 'send', frames: messages }));
    if (round === 0) continue;
    figures.resume.push(resume);
    figures.send.push(send);
    figures.asked.push(asked);
  }
} finally {
  await Promise.all([resuming.end(), sending.end()]);
}

const ratio = (side: 'send' | 'asked'): string =>
  median(figures.resume.map((ms, at) => ms / figures[side][at]!)).toFixed(2);
const per = (side: keyof typeof figures): string =>
  `${median(figures[side]).toFixed(0)} ms, ${((1_000 * median(figures[side])) / connections).toFixed(1)} µs for each connection`;
console.log(`${connections} connections, ${resuming.hello.messages} messages each, CPU of the server in ${rounds} rounds (median)
resume:                       ${per('resume')}
the same frames by send:      ${per('send')}: resume × ${ratio('send')}
the same, each asked for:     ${per('asked')}: resume × ${ratio('asked')}`);
