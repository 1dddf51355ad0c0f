import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { runInNewContext } from 'node:vm';
import {
  connect,
  refuse,
  type ServerOptions,
  type UpgradeDecision,
  type WebSocketError,
  WebSocketServer,
} from '../../../src/index.ts';
import { RawClient } from '../../../src/testing/index.ts';
import { listening } from '../live.ts';

/** A `Response` of another implementation: no `instanceof` knows it, and its fields are getters. */
class OtherResponse {
  readonly #status: number;
  constructor(status: number) {
    this.#status = status;
  }
  get status(): number {
    return this.#status;
  }
  get headers(): Headers {
    return new Headers({ 'www-authenticate': 'Bearer' });
  }
  async arrayBuffer(): Promise<ArrayBuffer> {
    return Uint8Array.of(119, 104, 111).buffer;
  }
}

class Session {
  readonly data = 'a';
}

/** What a hook may return; the status that the client gets; for 500, what the `error` event says. */
const ROWS: readonly (readonly [what: string, result: () => unknown, status: number, says?: RegExp])[] = [
  ['undefined', () => undefined, 101],
  ['{}', () => ({}), 101],
  ['{ data }', () => ({ data: 1 }), 101],
  ['{ data } of another realm', () => runInNewContext('({ data: 1 })'), 101],
  ['an object without prototype', () => Object.assign(Object.create(null), { data: 1 }), 101],
  ['keys that are undefined', () => ({ data: undefined, headers: undefined, expiresAt: undefined }), 101],
  [
    'all keys',
    () => ({
      data: 1,
      protocol: 'a',
      headers: [],
      expiresAt: 9e12,
      perMessageDeflate: true,
      priority: 'low',
    }),
    101,
  ],
  ['refuse(401)', () => refuse(401), 401],
  ['a Response with status 302', () => new Response(null, { status: 302 }), 302],
  ['a Response of another implementation', () => new OtherResponse(401), 401],
  ['a response as a plain object', () => ({ status: 401, headers: { a: 'b' } }), 401],
  [
    'a response as a plain object with text',
    () => ({ status: 401, headers: [['a', 'b']], body: 'who' }),
    401,
  ],
  ['false', () => false, 403],
  ['null', () => null, 403],
  ['true', () => true, 500, /returned true; return nothing or \{ data \} to admit/],
  ['401', () => 401, 500, /returned 401; return refuse\(401\)/],
  ['0', () => 0, 500, /returned 0;/],
  ['NaN', () => Number.NaN, 500, /returned NaN;/],
  ['an empty string', () => '', 500, /returned a string;/],
  ['a string', () => 'tell nobody', 500, /returned a string;/],
  ['a bigint', () => 1n, 500, /returned 1n;/],
  ['a symbol', () => Symbol('x'), 500, /returned a symbol;/],
  ['a function', () => () => undefined, 500, /returned a function;/],
  ['{ status: 401 }', () => ({ status: 401 }), 500, /status 401 but without headers; return refuse\(401\)/],
  ['{ status: 200 }', () => ({ status: 200 }), 500, /status 200 but without headers; return nothing/],
  [
    '{ status, headers } with text as headers',
    () => ({ status: 401, headers: 'a: b' }),
    500,
    /without headers/,
  ],
  ['an Error', () => new Error('tell nobody'), 500, /returned an Error; throw it/],
  ['an Error of another realm', () => runInNewContext('new Error("x")'), 500, /an object of class Error/],
  ['{ user }', () => ({ user: 'a' }), 500, /the unknown key user; the keys are data, protocol/],
  ['{ data, user }', () => ({ data: 1, user: 'a' }), 500, /the unknown key user/],
  ['{ dta }', () => ({ dta: 1 }), 500, /the unknown key dta; the nearest is data/],
  ['{ Protocol }', () => ({ Protocol: 'a' }), 500, /the unknown key Protocol; the nearest is protocol/],
  ['a key that is a symbol', () => ({ [Symbol('user')]: 'a' }), 500, /the unknown key Symbol\(user\)/],
  ['a key that every object inherits', () => ({ constructor: 1 }), 500, /the unknown key constructor/],
  ['an array', () => [], 500, /an object of class Array/],
  ['a Map', () => new Map(), 500, /an object of class Map/],
  ['an object of a class', () => new Session(), 500, /an object of class Session/],
  ['Headers', () => new Headers(), 500, /an object of class Headers/],
  ['a response with status 200', () => new Response('fine'), 500, /status 200, which refuses nothing/],
  ['a response with status 0', () => Response.error(), 500, /status 0, which refuses nothing/],
  ['another’s response with status 200', () => new OtherResponse(200), 500, /status 200, which refuses/],
  ['another’s response with status 600', () => new OtherResponse(600), 500, /status 600, which refuses/],
  ['protocol: 5', () => ({ protocol: 5 }), 500, /protocol is 5; it must be a string/],
  ['protocol: null', () => ({ protocol: null }), 500, /protocol is null/],
  [
    'a subprotocol that was not offered',
    () => ({ protocol: 'x' }),
    500,
    /"x" was not offered; the client offers a/,
  ],
  ['expiresAt: null', () => ({ expiresAt: null }), 500, /expiresAt is null; it must be a Date/],
  ['expiresAt as text', () => ({ expiresAt: '2030-01-01' }), 500, /expiresAt is "2030-01-01"/],
  ['an invalid Date', () => ({ expiresAt: new Date(Number.NaN) }), 500, /expiresAt is an invalid Date/],
  ['perMessageDeflate: 0', () => ({ perMessageDeflate: 0 }), 500, /perMessageDeflate is 0/],
  [
    'priority: 1',
    () => ({ priority: 1 }),
    500,
    /priority is 1; it must be 'critical', 'high', 'normal' or 'low'/,
  ],
  ['an unknown priority', () => ({ priority: 'High' }), 500, /priority is "High"; it must be 'critical'/],
  ['priority: null', () => ({ priority: null }), 500, /priority is null/],
  ['headers as text', () => ({ headers: 'a: b' }), 500, /headers is "a: b"; it must be Headers/],
  ['headers as a list of text', () => ({ headers: ['ab'] }), 500, /a member that is no \[name, value\]/],
  ['a header with several values', () => ({ headers: { a: ['b', 'c'] } }), 500, /header a is no string/],
  [
    'a getter that throws',
    () => Object.defineProperty({}, 'data', { get: fail, enumerable: true }),
    500,
    /handler/,
  ],
];

function fail(): never {
  throw new Error('tell nobody');
}

interface Fixture {
  readonly port: number;
  readonly errors: Error[];
}

async function standalone(t: TestContext, options: ServerOptions): Promise<Fixture> {
  return listening(t, options);
}

async function attached(t: TestContext, options: ServerOptions): Promise<Fixture> {
  const web = createServer();
  const server = new WebSocketServer(options).attach(web);
  const errors: Error[] = [];
  server.on('error', (error) => void errors.push(error));
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    await server.shutdown();
    web.close();
    assert.deepEqual(errors, []);
  });
  return { port: (web.address() as AddressInfo).port, errors };
}

for (const [where, start] of Object.entries({ standalone, attached })) {
  for (const [what, result, status, says] of ROWS) {
    test(`AU-02 ${where}: an upgrade hook that returns ${what}, or a promise of it, is answered with ${status}`, async (t) => {
      let calls = 0;
      const upgrade = (): UpgradeDecision<unknown> => {
        const decision = result() as UpgradeDecision<unknown>;
        return calls++ === 0 ? decision : (Promise.resolve(decision) as unknown as undefined);
      };
      const { port, errors } = await start(t, { upgrade });
      for (let i = 0; i < 2; i++) {
        using client = await RawClient.connect({ port });
        assert.equal((await client.upgrade({ protocols: ['a'] })).status, status);
        if (status !== 101) {
          assert.doesNotMatch((await client.receivedUntilEnd()).toString(), /tell nobody/);
        }
        const told = errors.splice(0) as WebSocketError[];
        assert.equal(told.length, status === 500 ? 1 : 0);
        if (status !== 500) continue;
        assert.equal(told[0]?.code, String(says) === '/handler/' ? 'ERR_HANDLER' : 'ERR_UPGRADE_HOOK');
        assert.match(told[0].message, says!);
        assert.doesNotMatch(told[0].message, /tell nobody/);
      }
      assert.equal(calls, 2);
    });
  }
}

test('AU-02: a Response that is returned a second time refuses with 500, and the error says why', async (t) => {
  const once = new Response('no', { status: 401 });
  const { connect, errors } = await listening(t, { upgrade: () => once });
  assert.equal((await (await connect()).upgrade()).status, 401);
  assert.equal((await (await connect()).upgrade()).status, 500);
  assert.match(String(errors.splice(0)[0]?.cause), /make a new Response for each request/);
});

test('AU-02: the body and the fields of a refusal of another implementation are sent', async (t) => {
  const { connect } = await listening(t, { upgrade: () => new OtherResponse(401) });
  const client = await connect();
  const { fields } = await client.upgrade();
  assert.equal(fields.get('www-authenticate'), 'Bearer');
  assert.match((await client.receivedUntilEnd()).toString(), /who$/);
});

test('HS-27: the log has one error line for an invalid result, and its text describes the result', async (t) => {
  const lines: unknown[][] = [];
  const quiet = (): void => undefined;
  const { connect, errors } = await listening(t, {
    logger: { debug: quiet, info: quiet, warn: quiet, error: (...line) => void lines.push(line) },
    upgrade: () => 401 as unknown as undefined,
  });
  assert.equal((await (await connect()).upgrade()).status, 500);
  assert.equal(lines.length, 1);
  const [{ code, err }] = lines[0] as [{ code: string; err: Error }];
  assert.equal(code, 'ERR_UPGRADE_HOOK');
  assert.match(err.message, /returned 401/);
  errors.splice(0);
});

test('AU-02: false, null and a condition type-check as decisions', () => {
  const signedIn = (): boolean => false;
  const decisions: UpgradeDecision<string>[] = [false, null, undefined, signedIn() && { data: 'a' }];
  assert.equal(decisions.length, 4);
  // @ts-expect-error `true` admits no client
  decisions.push(true);
  // @ts-expect-error a status alone refuses no client
  decisions.push({ status: 401 });
});

for (const [what, result, says] of [
  ['undefined', () => undefined, /returned undefined; it must return a Response/],
  ['null', () => null, /returned null/],
  ['text', () => 'hello', /returned "hello"/],
  ['an object', () => ({ ok: true }), /returned an object/],
  ['an Error', () => new Error('tell nobody'), /returned an Error/],
  ['a status without fields', () => ({ status: 200 }), /returned an object/],
  ['a response with status 600', () => new OtherResponse(600), /status from 200 to 599, not 600/],
] as const) {
  test(`HS-14: a request hook that returns ${what} is answered with 500, and the error says so`, async (t) => {
    const request = (): Response => result() as unknown as Response;
    const { port, errors } = await listening(t, { request });
    const response = await fetch(`http://127.0.0.1:${port}/`);
    assert.equal(response.status, 500);
    assert.doesNotMatch(await response.text(), /tell nobody/);
    const [error] = errors.splice(0) as [WebSocketError];
    assert.equal(error.code, 'ERR_HANDLER');
    assert.match(String(error.cause), says);
  });
}

test('HS-14: a request hook may answer with a Response of another implementation', async (t) => {
  const { port } = await listening(t, { request: () => new OtherResponse(200) });
  const response = await fetch(`http://127.0.0.1:${port}/`);
  assert.deepEqual([response.status, await response.text()], [200, 'who']);
});

for (const [what, verdict, says] of [
  ['undefined', undefined, /undefined/],
  ['null', null, /null/],
  ['1', 1, /1/],
  ['text', 'yes', /"yes"/],
  ['an object', {}, /an object/],
  ['a promise of true', Promise.resolve(true), /a promise/],
] as const) {
  for (const name of ['path', 'allowedOrigins', 'exemptAddresses'] as const) {
    test(`SE-28: a function for ${name} that returns ${what} refuses with 500, and the error says so`, async (t) => {
      const options = { [name]: () => verdict, maxConnectionsPerIp: 1 } as unknown as ServerOptions;
      const { connect, errors } = await listening(t, options);
      const client = await connect();
      assert.equal((await client.upgrade({ headers: { Origin: 'http://localhost' } })).status, 500);
      const cause = String(errors.splice(0)[0]?.cause);
      assert.match(cause, new RegExp(`${name} returned ${says.source}; it must return true or false`));
    });
  }
}

for (const [where, start] of Object.entries({ standalone, attached })) {
  for (const [what, perMessageDeflate, isOn] of [
    ['declines', false, false],
    ['leaves to the option', true, true],
    ['leaves out', undefined, true],
  ] as const) {
    test(`PD-01 ${where}: the answer to an offer of compression that the upgrade hook ${what}`, async (t) => {
      const { port } = await start(t, {
        perMessageDeflate: true,
        upgrade: ({ request }) =>
          request.headers['user-agent'] === 'Safari 15' && perMessageDeflate !== undefined
            ? { perMessageDeflate }
            : {},
      });
      const statuses: (string | undefined)[] = [];
      for (const agent of ['Safari 15', 'another']) {
        using client = await RawClient.connect({ port });
        const { status, fields } = await client.upgrade({
          headers: { 'User-Agent': agent, 'Sec-WebSocket-Extensions': 'permessage-deflate' },
        });
        assert.equal(status, 101);
        statuses.push(fields.get('sec-websocket-extensions')?.split(';', 1)[0]);
      }
      assert.deepEqual(statuses, [isOn ? 'permessage-deflate' : undefined, 'permessage-deflate']);
    });
  }
}

test('PD-01: a client that offers compression is accepted without it if the upgrade hook declines', async (t) => {
  const { server, port } = await listening(t, {
    perMessageDeflate: true,
    upgrade: () => ({ perMessageDeflate: false }),
  });
  server.on('message', (connection, message) => void connection.send(message));
  const client = await connect(`ws://127.0.0.1:${port}`, { perMessageDeflate: true });
  assert.equal(client.extensions, '');
  client.send('x'.repeat(5_000));
  for await (const message of client) {
    assert.equal(message, 'x'.repeat(5_000));
    break;
  }
  client.close();
  await client.closed;
});
