import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BrokerProcess } from '../broker-process.ts';

const PROGRAM = '/usr/sbin/nats-server';

/** The reason to skip tests that need nats-server; `false` if it is installed. */
export const noNats: string | false = existsSync(PROGRAM)
  ? false
  : 'needs nats-server: apt-get install nats-server';

/** A nats-server of a test. */
export class NatsServer extends BrokerProcess {
  readonly #config = join(this.folder, 'server.conf');

  private constructor(port: number, config: string) {
    super(port);
    writeFileSync(this.#config, config);
  }

  /** Starts a server on a free port. @param config Lines of its configuration, such as `max_payload: 1024`. */
  static start(config = ''): Promise<NatsServer> {
    return BrokerProcess.startOn((port) => new NatsServer(port, config));
  }

  protected override get program() {
    const args = ['-a', '127.0.0.1', '-p', `${this.port}`, '-c', this.#config];
    return { path: PROGRAM, args, readyText: 'Server is ready' };
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  /** Whether the log of the server has a text. */
  said(text: string): boolean {
    return this.output.includes(text);
  }

  /** The port for other servers, of one whose configuration has a cluster. */
  routePort(): number {
    return Number(/Listening for route connections on 127\.0\.0\.1:(\d+)/.exec(this.output)![1]);
  }
}
