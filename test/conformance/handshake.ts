import assert from 'node:assert/strict';
import { EXAMPLE_KEY, text } from '../../src/testing/index.ts';
import { connect, handshake, must, statusOf } from './exchange.ts';

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

const refuses = (status: number, cases: readonly Headers[]) => async (): Promise<void> => {
  for (const headers of cases) {
    const answer = await handshake(headers);
    assert.equal(answer.status, status, JSON.stringify(headers));
    assert.equal(answer.fields.get('connection')?.toLowerCase().includes('close'), true);
    assert.equal(answer.fields.has('sec-websocket-accept'), false);
  }
};
const accepts = (cases: readonly Headers[]) => async (): Promise<void> => {
  for (const headers of cases) {
    assert.equal((await handshake(headers)).status, 101, JSON.stringify(headers));
  }
};

must('4.1-1', '', async () => {
  const fields = `Host: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${EXAMPLE_KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n`;
  for (const request of [
    `GET / HTTP/1.1\n${fields}`,
    `GET  / HTTP/1.1\r\n${fields}`,
    `GET /\r\n${fields}`,
    `GET / HTTP/1.1\r\n folded\r\n${fields}`,
    `GET / HTTP/1.1\r\nBad Name: x\r\n${fields}`,
    `GET / HTTP/1.1\r\nName : x\r\n${fields}`,
    `GET * HTTP/1.1\r\n${fields}`,
    `GET /#fragment HTTP/1.1\r\n${fields}`,
    `\x16\x03\x01\x02\x00\x01\r\n\r\n`,
  ]) {
    assert.equal(await statusOf(request), 400, JSON.stringify(request.slice(0, 40)));
  }
});

must('4.2.1-1', '', async () => {
  const fields = `Host: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${EXAMPLE_KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n`;
  assert.equal(await statusOf(`GET / HTTP/1.1\r\n${fields}`), 101);
  for (const method of ['POST', 'HEAD', 'PUT', 'get', 'CONNECT', 'OPTIONS']) {
    const status = await statusOf(`${method} / HTTP/1.1\r\n${fields}`);
    assert.ok(status === 400 || status === 405, `${method}: ${status}`);
  }
  for (const version of ['1.0', '0.9', '2.0']) {
    const status = await statusOf(`GET / HTTP/${version}\r\n${fields}`);
    assert.ok(status === 400 || status === 505, `${version}: ${status}`);
  }
});
must('4.2.1-2', '', refuses(400, [{ Host: undefined }, { Host: ['a', 'b'] }, { Host: 'a b' }]));
must(
  '4.2.1-3',
  'accepted',
  accepts([{ Upgrade: 'websocket' }, { Upgrade: 'WebSocket' }, { Upgrade: 'foo/2, WEBSOCKET' }]),
);
must(
  '4.2.1-3',
  'refused',
  refuses(400, [{ Upgrade: undefined }, { Upgrade: 'h2c' }, { Upgrade: 'websocket2' }]),
);
must(
  '4.2.1-4',
  'accepted',
  accepts([
    { Connection: 'upgrade' },
    { Connection: 'keep-alive, UPGRADE' },
    { Connection: ['keep-alive', 'Upgrade'] },
  ]),
);
must(
  '4.2.1-4',
  'refused',
  refuses(400, [{ Connection: undefined }, { Connection: 'keep-alive' }, { Connection: 'upgrades' }]),
);
must(
  '4.2.1-5',
  '',
  refuses(400, [
    { 'Sec-WebSocket-Key': undefined },
    { 'Sec-WebSocket-Key': '' },
    { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ' },
    { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ=' },
    { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZ===' },
    { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25j' },
    { 'Sec-WebSocket-Key': `${EXAMPLE_KEY}AAAA` },
    { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25j*Q==' },
  ]),
);
must(
  '4.2.1-6',
  '',
  accepts([{ 'X-Unknown': 'anything at all', Cookie: 'a=b', 'User-Agent': 'x', 'Sec-WebSocket-Foo': '1' }]),
);

must('4.2.2-1', '', async () => {
  for (const version of ['0', '7', '8', '12', '14', '99', '013', '13.0', 'x']) {
    const { status, fields } = await handshake({ 'Sec-WebSocket-Version': version });
    assert.ok(status === 426 || status === 400, `${version}: ${status}`);
    if (/^\d{1,2}$/.test(version)) assert.equal(fields.get('sec-websocket-version'), '13');
  }
  assert.equal((await handshake({ 'Sec-WebSocket-Version': undefined })).status, 400);
});
must('4.4-1', '', async () => {
  const { status, fields } = await handshake({ 'Sec-WebSocket-Version': '25' });
  assert.equal(status, 426);
  assert.equal(fields.get('sec-websocket-version'), '13');
  assert.equal(
    (await handshake({ 'Sec-WebSocket-Version': fields.get('sec-websocket-version')! })).status,
    101,
  );
});
must('4.2.2-2', '', async () => {
  assert.equal((await handshake({}, '/elsewhere')).status, 404);
});
must(
  '4.2.2-3',
  '',
  refuses(403, [
    { Origin: 'https://evil.example' },
    { Origin: 'null' },
    { Origin: 'http://localhost.evil.example' },
    { Origin: ['http://localhost', 'http://localhost'] },
  ]),
);
must('4.2.2-4', '', async () => {
  for (const [offer, chosen] of [
    ['v1', 'v1'],
    ['v1, v2', 'v2'],
    ['x, v1', 'v1'],
  ]) {
    const { status, fields } = await handshake({ 'Sec-WebSocket-Protocol': offer });
    assert.deepEqual([status, fields.get('sec-websocket-protocol')], [101, chosen]);
  }
});
must('4.2.2-5', '', async () => {
  for (const headers of [{}, { 'Sec-WebSocket-Protocol': 'x, y' }, { 'Sec-WebSocket-Protocol': 'V1' }]) {
    const { status, fields } = await handshake(headers);
    assert.deepEqual([status, fields.has('sec-websocket-protocol')], [101, false]);
  }
});
must('4.2.2-6', '', async () => {
  for (const offer of [
    'permessage-deflate',
    'x-unknown; a=1; b="c", permessage-bzip2',
    'x-webkit-deflate-frame',
  ]) {
    const { status, fields } = await handshake({ 'Sec-WebSocket-Extensions': offer });
    assert.deepEqual([status, fields.has('sec-websocket-extensions')], [101, false], offer);
  }
});
must('4.2.2-7', '', async () => {
  const { status, fields, raw } = await handshake();
  assert.equal(status, 101);
  assert.match(raw, /^HTTP\/1\.1 101 /);
  assert.equal(fields.get('upgrade')?.toLowerCase(), 'websocket');
  assert.equal(fields.get('connection')?.toLowerCase(), 'upgrade');
  assert.ok(!fields.has('content-length') && !fields.has('transfer-encoding'));
});
must('4.2.2-8', 'the example of §1.3', async () => {
  assert.equal((await handshake()).fields.get('sec-websocket-accept'), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
});
must('4.2.2-8', 'blanks around the key do not count', async () => {
  const { fields } = await handshake({ 'Sec-WebSocket-Key': `  ${EXAMPLE_KEY}\t ` });
  assert.equal(fields.get('sec-websocket-accept'), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
});
must('4.2.2-9', 'frames behind the head in one packet count, too', async () => {
  const client = await connect();
  const request = `GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${EXAMPLE_KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n`;
  client.send(Buffer.concat([Buffer.from(request), text('early')]));
  assert.equal((await client.nextHead()).status, 101);
  assert.equal((await client.nextFrame()).payload.toString(), 'early');
  client[Symbol.dispose]();
});

must(
  '9.1-1',
  '',
  refuses(400, [
    { 'Sec-WebSocket-Extensions': 'a b' },
    { 'Sec-WebSocket-Extensions': 'a; b=' },
    { 'Sec-WebSocket-Extensions': 'a; =b' },
    { 'Sec-WebSocket-Extensions': 'a; b="c d"' },
    { 'Sec-WebSocket-Extensions': 'a; b="c' },
    { 'Sec-WebSocket-Extensions': 'a/b' },
  ]),
);
must('11.3.1-1', '', refuses(400, [{ 'Sec-WebSocket-Key': [EXAMPLE_KEY, EXAMPLE_KEY] }]));
must(
  '11.3.5-1',
  '',
  refuses(400, [{ 'Sec-WebSocket-Version': ['13', '13'] }, { 'Sec-WebSocket-Version': ['8', '13'] }]),
);
must('11.3.2-1', '', async () => {
  const { status, raw } = await handshake({
    'Sec-WebSocket-Extensions': ['a', 'b; c', 'permessage-deflate'],
  });
  assert.equal(status, 101);
  assert.equal(raw.match(/^sec-websocket-extensions:/gim), null);
});
must('11.3.4-1', '', async () => {
  const { status, raw, fields } = await handshake({ 'Sec-WebSocket-Protocol': ['v1', 'x', 'v2'] });
  assert.equal(status, 101);
  assert.equal(raw.match(/^sec-websocket-protocol:/gim)?.length, 1);
  assert.equal(fields.get('sec-websocket-protocol'), 'v2');
});
