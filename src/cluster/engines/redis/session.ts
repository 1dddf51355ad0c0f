import type { Buffer } from 'node:buffer';
import type { Clock } from '../../../engine/clock.ts';
import { EngineError } from '../../../protocol/errors.ts';
import { OpenCalls } from '../open-calls.ts';
import type { OpenLink } from './clients.ts';
import { type Keys, LAYOUT, PARTITIONS } from './keys.ts';
import type { Argument, RedisLink, Reply } from './link.ts';
import { codeOf, engineError, isFatal, textOf } from './replies.ts';
import { NOT_BOOTED, type ScriptName, SCRIPTS } from './scripts.ts';

/** Most repetitions of one call whose script was flushed, or whose run key is missing. */
const REPAIRS = 3;

export interface SessionSettings {
  readonly open: OpenLink;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly deadlineMs: number;
  readonly trustPersistence: boolean;
}

export interface SessionOwner {
  message(channel: string, bytes: Buffer): void;
  /** The session cannot be used: every call has rejected. Called once. */
  ended(error: EngineError): void;
  /** What Redis says about its memory: the policy of eviction. */
  evicts(policy: string): void;
}

/**
 * One pair of connections to one run of Redis, from its beginning to its end. A session never comes back: the engine opens another one.
 */
export class Session {
  readonly #settings: SessionSettings;
  readonly #owner: SessionOwner;
  readonly #commands: RedisLink;
  readonly #subscriber: RedisLink;
  readonly #calls: OpenCalls;
  readonly #digests = new Map<ScriptName, string>();
  #repair: Promise<void> | undefined;
  #run = '';
  #isOver = false;

  constructor(settings: SessionSettings, owner: SessionOwner) {
    this.#settings = settings;
    this.#owner = owner;
    const closed = (error: Error): void => this.fail(error);
    const { open, clock, deadlineMs } = settings;
    this.#calls = new OpenCalls(clock, deadlineMs, () =>
      this.fail(new EngineError('ERR_ENGINE_DOWN', `Redis did not answer within ${deadlineMs} ms`)),
    );
    this.#commands = open(deadlineMs, { closed, message: () => {} });
    this.#subscriber = open(deadlineMs, {
      closed,
      message: (channel, bytes) => owner.message(channel, bytes),
    });
  }

  /**
   * Connects, checks the server, loads the scripts, and subscribes to channels. Rejects with `ERR_ENGINE_REFUSED` if the server, or its
   * other nodes, cannot work with this engine.
   */
  async start(channels: readonly string[]): Promise<void> {
    await Promise.all([
      this.#track(() => this.#commands.connect()),
      this.#track(() => this.#subscriber.connect()),
    ]);
    const [server, memory, other] = await Promise.all([
      this.call(['INFO', 'server']),
      this.call(['INFO', 'memory']),
      this.#track(() => this.#subscriber.call(['INFO', 'server'])),
    ]);
    checkVersion(infoOf(server, 'redis_version'));
    const run = infoOf(server, 'run_id');
    if (run !== infoOf(other, 'run_id'))
      throw new EngineError('ERR_ENGINE_DOWN', 'the two connections reached different servers');
    this.#run = this.#settings.trustPersistence ? '-' : run;
    this.#owner.evicts(infoOf(memory, 'maxmemory_policy'));
    await this.#load();
    await this.#boot();
    await this.subscribe(channels);
  }

  /** Sends a command. Rejects with an {@link EngineError}. */
  async call(args: readonly Argument[]): Promise<Reply> {
    try {
      return await this.#send(args);
    } catch (error) {
      throw engineError(error);
    }
  }

  /** Runs a script; loads it again if Redis has forgotten it. Rejects with an {@link EngineError}. */
  async script(name: ScriptName, keys: readonly string[], args: readonly Argument[]): Promise<Reply> {
    // Calls that come while scripts are loaded wait behind those that failed, so that the order stays.
    if (this.#repair !== undefined) await this.#repair;
    for (let repairs = 0; ; repairs++) {
      try {
        return await this.#send(['EVALSHA', this.#digests.get(name)!, String(keys.length), ...keys, ...args]);
      } catch (error) {
        const code = codeOf(error);
        if ((code !== 'NOSCRIPT' && code !== NOT_BOOTED) || repairs === REPAIRS) throw engineError(error);
        await this.#repaired(code);
      }
    }
  }

  async subscribe(channels: readonly string[]): Promise<void> {
    await this.#onSubscriber(() => this.#subscriber.subscribe(channels));
  }

  async unsubscribe(channels: readonly string[]): Promise<void> {
    await this.#onSubscriber(() => this.#subscriber.unsubscribe(channels));
  }

  /** Ends the session, and tells its owner. */
  fail(error: unknown): void {
    if (this.#isOver) return;
    const reason = error instanceof EngineError ? error : downBy(error);
    this.end(reason);
    this.#owner.ended(reason);
  }

  /** Closes both connections; every call rejects. */
  end(reason: EngineError): void {
    this.#isOver = true;
    this.#commands.destroy();
    this.#subscriber.destroy();
    this.#calls.rejectAll(reason);
  }

  async #send(args: readonly Argument[]): Promise<Reply> {
    try {
      return await this.#track(() => this.#commands.call(args));
    } catch (error) {
      if (isFatal(error)) this.fail(error);
      throw error;
    }
  }

  async #onSubscriber(call: () => Promise<unknown>): Promise<void> {
    try {
      await this.#track(call);
    } catch (error) {
      if (isFatal(error)) this.fail(error);
      throw engineError(error);
    }
  }

  #track<Result>(call: () => Promise<Result>): Promise<Result> {
    if (!this.#isOver) return this.#calls.run(call);
    return Promise.reject(new EngineError('ERR_ENGINE_DOWN', 'the connection to Redis has ended'));
  }

  async #repaired(code: string): Promise<void> {
    this.#repair ??= (code === 'NOSCRIPT' ? this.#load() : this.#boot()).finally(() => {
      this.#repair = undefined;
    });
    await this.#repair;
  }

  async #load(): Promise<void> {
    const names = Object.keys(SCRIPTS) as ScriptName[];
    const digests = await Promise.all(names.map((name) => this.call(['SCRIPT', 'LOAD', SCRIPTS[name]])));
    names.forEach((name, at) => this.#digests.set(name, textOf(digests[at])));
  }

  /** Tells Redis in which run it is, and compares what all nodes must agree on. */
  async #boot(): Promise<void> {
    const { keys, trustPersistence } = this.#settings;
    const own = configOf(trustPersistence);
    const bootKeys = [keys.config, ...keys.runs];
    const boot = [
      'EVALSHA',
      this.#digests.get('boot')!,
      String(bootKeys.length),
      ...bootKeys,
      this.#run,
      own,
    ];
    const config = textOf(await this.call(boot));
    if (config !== own) throw differs(keys.config, config, own);
  }
}

const downBy = (error: unknown): EngineError =>
  new EngineError('ERR_ENGINE_DOWN', `Redis: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });

const configOf = (trustPersistence: boolean): string =>
  `layout=${LAYOUT} partitions=${PARTITIONS} trustPersistence=${trustPersistence}`;

const differs = (key: string, theirs: string, own: string): EngineError =>
  new EngineError(
    'ERR_ENGINE_REFUSED',
    `other nodes run with '${theirs}' (key ${key}), this one with '${own}'; set the same options on all nodes, or stop them and delete the key`,
  );

function infoOf(reply: Reply, name: string): string {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(textOf(reply))?.[1] ?? '';
}

/** @throws EngineError `ERR_ENGINE_REFUSED` below 6.2. */
function checkVersion(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > 6 || (major === 6 && minor >= 2)) return;
  throw new EngineError(
    'ERR_ENGINE_REFUSED',
    `the server is Redis ${version || 'of unknown version'}; use Redis 6.2 or later, or Valkey`,
  );
}
