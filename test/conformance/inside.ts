import assert from 'node:assert/strict';
import { MisuseError, WebSocketServer } from '../../src/index.ts';
import { binary, close, continuation, EXAMPLE_KEY, frame, ping, text } from '../../src/testing/index.ts';
import { answers, connect, handshake, LIMIT, must, seen } from './exchange.ts';

const end = close(1000);

// Details of a response beyond acceptance and refusal, and what depends on options.

must('4.1-1', 'with 400, no accept value, and an end', async () => {
  for (const headers of [
    { Host: 'a b' },
    { Upgrade: 'h2c' },
    { Connection: 'keep-alive' },
    { 'Sec-WebSocket-Key': `${EXAMPLE_KEY}AAAA` },
    { 'Sec-WebSocket-Key': [EXAMPLE_KEY, EXAMPLE_KEY] },
    { 'Sec-WebSocket-Version': ['8', '13'] },
    { 'Sec-WebSocket-Extensions': 'a; b=' },
  ]) {
    const { status, fields } = await handshake(headers);
    assert.equal(status, 400, JSON.stringify(headers));
    assert.equal(fields.get('connection')?.toLowerCase().includes('close'), true);
    assert.equal(fields.has('sec-websocket-accept'), false);
  }
});
must('4.2.2-1', 'with 426 for a version and 400 for what is none', async () => {
  assert.equal((await handshake({ 'Sec-WebSocket-Version': '12' })).status, 426);
  assert.equal((await handshake({ 'Sec-WebSocket-Version': undefined })).status, 400);
});
must('4.2.2-2', '', async () => {
  assert.equal((await handshake({}, '/elsewhere')).status, 404);
});
must('4.2.2-3', '', async () => {
  for (const origin of [
    'https://evil.example',
    'null',
    'http://localhost.evil.example',
    ['http://localhost', 'http://localhost'],
  ])
    assert.equal((await handshake({ Origin: origin })).status, 403, String(origin));
});
must('4.2.2-4', 'the first of ours', async () => {
  for (const [offer, chosen] of [
    ['v1', 'v1'],
    ['v1, v2', 'v2'],
    ['x, v1', 'v1'],
    [['v1', 'x', 'v2'], 'v2'],
  ] as const) {
    const { status, fields } = await handshake({ 'Sec-WebSocket-Protocol': offer });
    assert.deepEqual([status, fields.get('sec-websocket-protocol')], [101, chosen]);
  }
});
must('4.2.2-5', 'also if another case of its name was offered', async () => {
  const { status, fields } = await handshake({ 'Sec-WebSocket-Protocol': 'x, V1' });
  assert.deepEqual([status, fields.has('sec-websocket-protocol')], [101, false]);
});
must('4.2.2-6', 'compression too, unless it is switched on', async () => {
  const { status, fields } = await handshake({
    'Sec-WebSocket-Extensions': ['a', 'b; c', 'permessage-deflate'],
  });
  assert.deepEqual([status, fields.has('sec-websocket-extensions')], [101, false]);
});
must('11.3.4-1', '', async () => {
  const { raw, fields } = await handshake({ 'Sec-WebSocket-Protocol': ['v1', 'x', 'v2'] });
  assert.equal(raw.match(/^sec-websocket-protocol:/gim)?.length, 1);
  assert.equal(fields.get('sec-websocket-protocol'), 'v2');
});

// Closes that the server starts: no peer can cause them from outside.

must('5.5.1-3', 'ours or an answer', async () => {
  await answers(Buffer.concat([text('close 4000'), text('more'), ping('x'), close(4000)]), [
    'close 4000',
    'pong x',
  ]);
  await answers(Buffer.concat([end, text('x'), end, ping('y')]), ['close 1000']);
});
must('6.1-1', '', async () => {
  const client = await connect();
  await client.upgrade();
  client.send(text('close 1000'));
  const received = await (client.send(end), client.receivedUntilEnd());
  assert.ok(!received.includes('never sent'));
  client[Symbol.dispose]();
});
must('7.1.2-1', '', async () => {
  const client = await connect();
  await client.upgrade();
  client.send(text('close 3456'));
  const { opcode, payload } = await client.nextFrame();
  assert.deepEqual([opcode, payload.readUInt16BE(), payload.toString('utf8', 2)], [8, 3456, 'as told']);
  client.send(close(3456));
  await client.receivedUntilEnd();
  client[Symbol.dispose]();
  const info = await seen.close;
  assert.deepEqual([info?.code, info?.sentCode, info?.wasClean], [3456, 3456, true]);
});
must('7.4.1-1', '', async () => {
  const server = new WebSocketServer();
  const client = await connect();
  await client.upgrade();
  for (const code of [1004, 1005, 1006, 1015, 1016, 2999, 5000, 999, 0]) {
    client.send(text(`close ${code}`));
  }
  // Misuse by the application is an internal error: 1011, never the code that it asked for.
  const { payload } = await client.nextFrame();
  assert.equal(payload.readUInt16BE(), 1011);
  client[Symbol.dispose]();
  assert.throws(() => void server.shutdown({ code: 1006 }), MisuseError);
});

// What the application receives.

must('6.2-1', 'as the application sees it', async () => {
  await answers(Buffer.concat([text('t'), binary('b'), end]), ['text t', 'binary b', 'close 1000']);
  assert.deepEqual(seen.messages, ['t', Buffer.from('b')]);
});
must('7.1.5-1', '', async () => {
  await answers(close(), ['close']);
  const info = await seen.close;
  assert.deepEqual([info?.code, info?.reason, info?.wasClean], [1005, '', true]);
});
must('7.1.5-2', '', async () => {
  for (const leave of ['end', 'reset'] as const) {
    const client = await connect();
    await client.upgrade();
    client[leave]();
    await client.waitForClose();
    const info = await seen.close;
    assert.deepEqual([info?.code, info?.wasClean], [1006, false], leave);
  }
});
must('7.1.7-1', 'and the application learns why', async () => {
  await answers(Buffer.concat([text('a'), frame({ opcode: 3 }), text('b'), ping('c'), end]), [
    'text a',
    'close 1002',
  ]);
  assert.deepEqual(seen.messages, ['a']);
  const info = await seen.close;
  assert.deepEqual([info?.code, info?.sentCode, info?.cause], [1006, 1002, 'protocol-error']);
});

// The exact limit.

must('10.4-1', 'to the byte', async () => {
  for (const [sent, expected] of [
    [Buffer.concat([binary(Buffer.alloc(LIMIT)), end]), [`binary of ${LIMIT}`, 'close 1000']],
    [frame({ opcode: 2, lengthForm: 64, announcedLength: LIMIT + 1 }), ['close 1009']],
    [frame({ opcode: 2, lengthForm: 64, announcedLength: 2n ** 63n - 1n }), ['close 1009']],
    [Buffer.concat([binary(Buffer.alloc(LIMIT), { fin: false }), continuation('x')]), ['close 1009']],
  ] as const)
    await answers(sent, expected);
});
