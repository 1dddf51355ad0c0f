import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { waitUntil } from '../../src/testing/index.ts';

const START = { deadlineMs: 120_000, description: 'Firefox to start' };

/** A new profile that makes no requests to other hosts. */
const PREFERENCES: Readonly<Record<string, string | number | boolean>> = {
  'marionette.port': 0,
  'services.settings.server': 'data:,#nobody/v1',
  'app.normandy.enabled': false,
  'app.update.disabledForTesting': true,
  'browser.safebrowsing.update.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.page': 0,
  'datareporting.policy.dataSubmissionEnabled': false,
  'extensions.systemAddon.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
};

type Answer = readonly [type: 1, id: number, error: unknown, result: { readonly value?: unknown }];

/** Headless Firefox, controlled over Marionette: JSON messages with their length before them. */
export class Firefox {
  readonly #profile: string;
  readonly #process: ChildProcess;
  readonly #socket: Socket;
  readonly #waiting: ((answer: Answer) => void)[] = [];
  #received: Buffer = Buffer.alloc(0);
  #lastId = 0;

  private constructor(profile: string, child: ChildProcess, socket: Socket) {
    this.#profile = profile;
    this.#process = child;
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#read();
    });
  }

  static async launch(program: string): Promise<Firefox> {
    const profile = mkdtempSync(join(tmpdir(), 'hawser-firefox-'));
    const lines = Object.entries(PREFERENCES).map(
      ([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});\n`,
    );
    writeFileSync(join(profile, 'user.js'), lines.join(''));
    const child = spawn(program, ['--headless', '--no-remote', '--profile', profile, '--marionette'], {
      // Firefox needs a home directory, and the user of the tests may have none.
      env: { ...process.env, HOME: profile },
      stdio: 'ignore',
    });
    const portFile = join(profile, 'MarionetteActivePort');
    const port = await waitUntil(() => {
      assert.equal(child.exitCode, null, 'Firefox ended');
      return existsSync(portFile) && Number(readFileSync(portFile, 'utf8'));
    }, START);
    const socket = connect(port as number, '127.0.0.1');
    const firefox = new Firefox(profile, child, socket);
    await once(socket, 'connect');
    // The certificates of the tests are self-signed.
    await firefox.#call('WebDriver:NewSession', { acceptInsecureCerts: true });
    await firefox.#call('WebDriver:SetTimeouts', { script: 60_000, pageLoad: 60_000 });
    return firefox;
  }

  async goto(url: string): Promise<void> {
    await this.#call('WebDriver:Navigate', { url });
  }

  /** @param run Runs in the page and cannot use variables of the test. */
  async evaluate<Result, Argument>(
    run: (argument: Argument) => Result,
    argument?: Argument,
  ): Promise<Awaited<Result>> {
    const script = `const done = arguments[arguments.length - 1];
      (async () => (${String(run)})(...JSON.parse(arguments[0])))().then(
        (value) => done(JSON.stringify({ value })),
        (error) => done(JSON.stringify({ error: String(error) })),
      );`;
    const { value } = await this.#call('WebDriver:ExecuteAsyncScript', {
      script,
      args: [JSON.stringify([argument])],
    });
    const answer = JSON.parse(value as string) as { value?: Awaited<Result>; error?: string };
    assert.equal(answer.error, undefined);
    return answer.value as Awaited<Result>;
  }

  async close(): Promise<void> {
    const exit = once(this.#process, 'exit');
    await this.#call('Marionette:Quit', { flags: ['eForceQuit'] });
    await exit;
    this.#socket.destroy();
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  async #call(command: string, parameters: object): Promise<{ readonly value?: unknown }> {
    const text = JSON.stringify([0, ++this.#lastId, command, parameters]);
    this.#socket.write(`${Buffer.byteLength(text)}:${text}`);
    const [, , error, result] = await new Promise<Answer>((resolve) => this.#waiting.push(resolve));
    assert.equal(error, null, `${command}: ${JSON.stringify(error)}`);
    return result;
  }

  #read(): void {
    for (;;) {
      const colon = this.#received.indexOf(':');
      if (colon < 0) return;
      const end = colon + 1 + Number(this.#received.toString('latin1', 0, colon));
      if (this.#received.length < end) return;
      const message: unknown = JSON.parse(this.#received.toString('utf8', colon + 1, end));
      this.#received = this.#received.subarray(end);
      // The first message only introduces the server.
      if (Array.isArray(message)) this.#waiting.shift()?.(message as unknown as Answer);
    }
  }
}
