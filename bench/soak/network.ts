import { execFile, spawnSync } from 'node:child_process';
import process from 'node:process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Why namespaces cannot be used; `undefined` if they can. Makes one, and removes it. */
export function noNamespaces(): string | undefined {
  const name = `hawser-probe-${process.pid}`;
  const { status, error, stderr } = spawnSync('ip', ['netns', 'add', name], { encoding: 'utf8' });
  if (error !== undefined) return 'iproute2 is not installed';
  if (status !== 0) return `this process may not make network namespaces: ${stderr.trim()}`;
  spawnSync('ip', ['netns', 'del', name]);
  return undefined;
}

/** Two network namespaces, joined by one virtual cable. Nothing of it touches other interfaces of the machine. */
export class Network implements AsyncDisposable {
  /** Address of the server. */
  readonly host = '10.213.7.1';
  readonly #near = `hawser-server-${process.pid}`;
  readonly #far = `hawser-clients-${process.pid}`;

  /** Removes the namespaces if this process exits before {@link Symbol.asyncDispose}. */
  readonly #atExit = (): void => {
    for (const name of [this.#near, this.#far]) spawnSync('ip', ['netns', 'del', name]);
  };

  static async make(): Promise<Network> {
    const network = new Network();
    process.once('exit', network.#atExit);
    try {
      await network.#make();
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
    return network;
  }

  /** Runs a program on the side of the server. */
  get nearSide(): readonly string[] {
    return ['ip', 'netns', 'exec', this.#near];
  }
  get farSide(): readonly string[] {
    return ['ip', 'netns', 'exec', this.#far];
  }

  /** Drops every packet in both directions until {@link join}. Neither side is told. */
  async part(): Promise<void> {
    await this.#link('link', 'set', 'cable', 'down');
  }
  async join(): Promise<void> {
    await this.#link('link', 'set', 'cable', 'up');
  }

  /**
   * Limits what the server sends, and drops packets that exceed the queue, until {@link widen}.
   * @param queueBytes A short queue loses packets of every burst.
   */
  async narrow(kilobits: number, queueBytes: number): Promise<void> {
    const rate = ['rate', `${kilobits}kbit`, 'burst', '4kb', 'limit', String(queueBytes)];
    await run('tc', ['-n', this.#near, 'qdisc', 'add', 'dev', 'cable', 'root', 'tbf', ...rate]);
  }
  async widen(): Promise<void> {
    await run('tc', ['-n', this.#near, 'qdisc', 'del', 'dev', 'cable', 'root']);
  }

  /** Delays packets in the kernel. @returns Whether the kernel can do it: it needs netem. */
  async slow(delayMs: number, jitterMs: number, lossPercent: number): Promise<boolean> {
    const how = ['delay', `${delayMs}ms`, `${jitterMs}ms`, 'loss', `${lossPercent}%`];
    try {
      await run('tc', ['-n', this.#near, 'qdisc', 'add', 'dev', 'cable', 'root', 'netem', ...how]);
      return true;
    } catch {
      return false;
    }
  }

  /** Resets every connection of the clients, at both ends. */
  async reset(): Promise<void> {
    const [program, ...args] = [...this.farSide, 'ss', '-K', 'dst', this.host];
    await run(program, args);
  }

  /** Segments that the server sent again. */
  async retransmitted(): Promise<number> {
    const [program, ...args] = [...this.nearSide, 'cat', '/proc/net/snmp'];
    const { stdout } = await run(program, args);
    const [names = [], values = []] = stdout
      .split('\n')
      .filter((line) => line.startsWith('Tcp:'))
      .map((line) => line.split(' '));
    return Number(values[names.indexOf('RetransSegs')]);
  }

  /** Removes the namespaces, with everything in them. */
  async [Symbol.asyncDispose](): Promise<void> {
    process.off('exit', this.#atExit);
    for (const name of [this.#near, this.#far])
      await run('ip', ['netns', 'del', name]).catch(() => undefined);
  }

  async #link(...args: readonly string[]): Promise<void> {
    await run('ip', ['-n', this.#near, ...args]);
  }

  async #make(): Promise<void> {
    for (const name of [this.#near, this.#far]) await run('ip', ['netns', 'add', name]);
    const pair = ['type', 'veth', 'peer', 'name', 'cable', 'netns', this.#far];
    await run('ip', ['link', 'add', 'cable', 'netns', this.#near, ...pair]);
    for (const [name, address] of [
      [this.#near, this.host],
      [this.#far, '10.213.7.2'],
    ] as const) {
      await run('ip', ['-n', name, 'addr', 'add', `${address}/30`, 'dev', 'cable']);
      await run('ip', ['-n', name, 'link', 'set', 'cable', 'up']);
      await run('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
    }
  }
}
