import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { BrokerProcess } from '../broker-process.ts';

const PROGRAM = '/usr/bin/redis-server';

/** The reason to skip tests that need redis-server; `false` if it is installed. */
export const noRedis: string | false = existsSync(PROGRAM)
  ? false
  : 'needs redis-server: apt-get install redis-server';

/** A redis-server of a test. */
export class RedisServer extends BrokerProcess {
  readonly #extra: readonly string[];

  private constructor(port: number, extra: readonly string[]) {
    super(port);
    this.#extra = extra;
  }

  /** Starts a server on a free port. @param extra Further arguments, such as `--appendonly yes`. */
  static start(...extra: string[]): Promise<RedisServer> {
    return BrokerProcess.startOn((port) => new RedisServer(port, extra));
  }

  protected override get program() {
    const args = ['--port', `${this.port}`, '--bind', '127.0.0.1', '--dir', this.folder, '--save', ''];
    return { path: PROGRAM, args: [...args, ...this.#extra], readyText: 'Ready to accept connections' };
  }

  /** Keeps a copy of the snapshot that was saved last, or puts it back. */
  keepSnapshot(): void {
    copyFileSync(join(this.folder, 'dump.rdb'), join(this.folder, 'old.rdb'));
  }

  restoreSnapshot(): void {
    copyFileSync(join(this.folder, 'old.rdb'), join(this.folder, 'dump.rdb'));
  }
}
