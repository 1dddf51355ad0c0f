import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connect } from 'node:tls';
import { MisuseError, type TlsOptions, WebSocketServer } from '../../../src/index.ts';
import { selfSigned } from '../../../src/testing/self-signed.ts';
import {
  eventLoopTurns,
  leakCheck,
  RawClient,
  text,
  VirtualClock,
  waitForEvent,
  waitUntil,
} from '../../../src/testing/index.ts';
import { nextText } from '../live.ts';

const credentialsOf = (name: string) => selfSigned([name], Date.now());

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes a certificate for `name`, and its key, into a folder. */
function write(folder: string, name: string): void {
  const { cert, key } = credentialsOf(name);
  writeFileSync(join(folder, 'tls.crt'), cert);
  writeFileSync(join(folder, 'tls.key'), key);
}

/** A server that follows `tls.crt` and `tls.key` of a folder, on a clock of its own. */
async function following(t: TestContext, folder: string) {
  const leaks = leakCheck();
  const clock = new VirtualClock();
  const log: string[] = [];
  const note = (_fields: unknown, line: string): void => void log.push(line);
  const server = new WebSocketServer({
    clock,
    logger: { debug: () => undefined, info: note, warn: note, error: note },
    tls: { certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key'), watch: true },
  });
  const errors: Error[] = [];
  server.on('error', (error) => void errors.push(error));
  server.on('message', (connection, message) => void connection.send(message));
  const { port } = await server.listen(0, '127.0.0.1');
  t.after(async () => {
    await server.shutdown();
    assert.equal(clock.pendingTimers, 0);
    await leaks.assertNothingLeft({ withinMs: 5_000 });
  });
  /** Lets the system tell of changes, and the server's second pass, until the condition holds. */
  const until = (holds: () => boolean, description: string) =>
    waitUntil(
      async () => {
        clock.advance(1_000);
        await eventLoopTurns(3);
        return holds();
      },
      { description, deadlineMs: 20_000 },
    );
  const shown = async (): Promise<string | undefined> => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    await waitForEvent(socket, 'secureConnect');
    const name = socket.getPeerCertificate().subjectaltname;
    socket.destroy();
    return name;
  };
  const renewals = (): number => log.filter((line) => line === 'certificate renewed').length;
  return { server, port, clock, log, errors, until, shown, renewals };
}

test('TL-04: new handshakes get the certificate that was written to the files; connections stay', async (t) => {
  const folder = folderOf(t);
  write(folder, 'first.example');
  const { port, until, shown, renewals } = await following(t, folder);
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await waitForEvent(socket, 'secureConnect');
  const client = RawClient.over(socket);
  assert.equal((await client.upgrade()).status, 101);
  assert.equal(await shown(), 'DNS:first.example');
  write(folder, 'second.example');
  await until(() => renewals() === 1, 'the renewal');
  assert.equal(await shown(), 'DNS:second.example');
  client.send(text('still here'));
  assert.equal(await nextText(client), 'still here');
  client[Symbol.dispose]();
});

test('TL-04: the files are read a second after the last change, and once for several changes', async (t) => {
  const folder = folderOf(t);
  write(folder, 'first.example');
  const { clock, shown, renewals } = await following(t, folder);
  assert.equal(clock.pendingTimers, 0, 'without changes there is no timer');
  write(folder, 'second.example');
  await waitUntil(() => clock.pendingTimers > 0, { description: 'a timer after the change' });
  clock.advance(999);
  assert.equal(renewals(), 0);
  clock.advance(1);
  assert.equal(renewals(), 1);
  assert.equal(await shown(), 'DNS:second.example');
});

for (const { what, layOut, swap } of [
  {
    what: 'files that are replaced by others with the same name',
    layOut: (folder: string) => write(folder, 'first.example'),
    swap: (folder: string) => {
      mkdirSync(join(folder, 'new'));
      write(join(folder, 'new'), 'second.example');
      for (const name of ['tls.crt', 'tls.key']) renameSync(join(folder, 'new', name), join(folder, name));
    },
  },
  {
    what: 'symbolic links that are replaced, as certbot does',
    layOut: (folder: string) => {
      mkdirSync(join(folder, 'archive1'));
      write(join(folder, 'archive1'), 'first.example');
      for (const name of ['tls.crt', 'tls.key']) symlinkSync(`archive1/${name}`, join(folder, name));
    },
    swap: (folder: string) => {
      mkdirSync(join(folder, 'archive2'));
      write(join(folder, 'archive2'), 'second.example');
      for (const name of ['tls.crt', 'tls.key']) {
        symlinkSync(`archive2/${name}`, join(folder, `${name}.new`));
        renameSync(join(folder, `${name}.new`), join(folder, name));
      }
    },
  },
  {
    what: 'the link ..data of a secret of Kubernetes',
    layOut: (folder: string) => {
      mkdirSync(join(folder, '..2026_1'));
      write(join(folder, '..2026_1'), 'first.example');
      symlinkSync('..2026_1', join(folder, '..data'));
      for (const name of ['tls.crt', 'tls.key']) symlinkSync(`..data/${name}`, join(folder, name));
    },
    swap: (folder: string) => {
      mkdirSync(join(folder, '..2026_2'));
      write(join(folder, '..2026_2'), 'second.example');
      symlinkSync('..2026_2', join(folder, '..data_tmp'));
      renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
      rmSync(join(folder, '..2026_1'), { recursive: true });
    },
  },
  {
    what: 'a file behind a link that is written in place',
    layOut: (folder: string) => {
      mkdirSync(join(folder, 'elsewhere'));
      write(join(folder, 'elsewhere'), 'first.example');
      for (const name of ['tls.crt', 'tls.key']) symlinkSync(`elsewhere/${name}`, join(folder, name));
    },
    swap: (folder: string) => write(join(folder, 'elsewhere'), 'second.example'),
  },
]) {
  test(`TL-04: the server follows ${what}, again and again`, async (t) => {
    const folder = folderOf(t);
    layOut(folder);
    const { until, shown, renewals, errors } = await following(t, folder);
    assert.equal(await shown(), 'DNS:first.example');
    swap(folder);
    await until(() => renewals() === 1, 'the renewal');
    assert.equal(await shown(), 'DNS:second.example');
    for (const name of ['tls.crt', 'tls.key']) rmSync(join(folder, name));
    write(folder, 'third.example');
    await until(() => renewals() === 2, 'the second renewal');
    assert.equal(await shown(), 'DNS:third.example');
    errors.length = 0;
  });
}

test('TL-04: a folder that is replaced as a whole is followed, also when a link leads to it', async (t) => {
  const folder = folderOf(t);
  for (const name of ['one', 'two']) mkdirSync(join(folder, name));
  write(join(folder, 'one'), 'first.example');
  write(join(folder, 'two'), 'second.example');
  symlinkSync('one', join(folder, 'current'));
  const { until, shown, renewals } = await following(t, join(folder, 'current'));
  symlinkSync('two', join(folder, 'next'));
  renameSync(join(folder, 'next'), join(folder, 'current'));
  await until(() => renewals() === 1, 'the renewal');
  assert.equal(await shown(), 'DNS:second.example');
});

test('TL-04: with an invalid file or without a file the old certificate stays, and each failure is reported once', async (t) => {
  const folder = folderOf(t);
  write(folder, 'first.example');
  const { server, until, shown, renewals, errors, clock, log } = await following(t, folder);
  writeFileSync(join(folder, 'tls.crt'), 'broken');
  await until(() => errors.length === 1, 'the first failure');
  assert.equal(await shown(), 'DNS:first.example');
  write(folder, 'second.example');
  await until(() => renewals() === 1, 'the renewal');
  rmSync(folder, { recursive: true });
  await until(() => errors.length === 2, 'the second failure');
  clock.advance(600_000);
  await eventLoopTurns(3);
  assert.deepEqual(
    errors.map((error) => [error instanceof MisuseError, error.message.replace(/: [^]*/, '')]),
    [
      [true, 'tls does not fit together'],
      [true, 'tls.certFile cannot be read'],
    ],
  );
  assert.equal(log.filter((line) => line.startsWith('certificate not renewed')).length, 2);
  assert.equal(await shown(), 'DNS:second.example');
  mkdirSync(folder);
  write(folder, 'third.example');
  clock.advance(60_000);
  await until(() => renewals() === 2, 'the renewal from the new folder');
  assert.equal(await shown(), 'DNS:third.example');
  assert.equal(server.listenerCount('error'), 1);
});

test('TL-04: a certificate that changed before the server listens is used; reloadTls replaces it until the files change', async (t) => {
  const folder = folderOf(t);
  write(folder, 'first.example');
  const tls = { certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key'), watch: true };
  const server = new WebSocketServer({ clock: new VirtualClock(), tls });
  t.after(() => server.shutdown());
  write(folder, 'second.example');
  const { port } = await server.listen(0, '127.0.0.1');
  const shown = async (): Promise<string | undefined> => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    await waitForEvent(socket, 'secureConnect');
    const name = socket.getPeerCertificate().subjectaltname;
    socket.destroy();
    return name;
  };
  assert.equal(await shown(), 'DNS:second.example');
  server.reloadTls(credentialsOf('called.example'));
  assert.equal(await shown(), 'DNS:called.example');
});

test('TL-04 CF-01: certFile and keyFile that do not fit together are refused with the name of the option', (t) => {
  const folder = folderOf(t);
  write(folder, 'first.example');
  const [certFile, keyFile] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
  for (const [tls, message] of [
    [{ certFile }, /^tls\.certFile and tls\.keyFile go together: one of them is missing$/],
    [{ keyFile, watch: true }, /^tls\.certFile and tls\.keyFile go together/],
    [{ watch: true, ...credentialsOf('a') }, /^tls\.watch is true; it must be false without certFile/],
    [{ certFile, keyFile, watch: 1 }, /^tls\.watch is 1; it must be true or false$/],
    [{ certFile: 5, keyFile }, /^tls\.certFile is 5; it must be the path of a PEM file$/],
    [{ certFile, keyFile: '' }, /^tls\.keyFile is ""; it must be the path of a PEM file$/],
    [{ certFile, keyFile, cert: 'x' }, /^tls takes certFile and keyFile, or cert, not both: leave one out$/],
    [{ certFile: join(folder, 'none'), keyFile }, /^tls\.certFile cannot be read: ENOENT/],
    [{ certFile: keyFile, keyFile }, /^tls does not fit together: /],
  ] as const)
    assert.throws(() => new WebSocketServer({ tls: tls as unknown as TlsOptions }), {
      code: 'ERR_OPTION',
      message,
    });
  assert.ok(new WebSocketServer({ tls: { certFile, keyFile } }));
});
