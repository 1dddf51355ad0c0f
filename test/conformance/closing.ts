import assert from 'node:assert/strict';
import { close, frame, hex, ping, text } from '../../src/testing/index.ts';
import { MisuseError, WebSocketServer } from '../../src/index.ts';
import { answers, connect, must, seen } from './exchange.ts';

const end = close(1000);

must('5.5.1-1', '', async () => {
  await answers(frame({ opcode: 8, payload: hex('03') }), ['close 1002']);
  await answers(close(), ['close']);
  await answers(close(1000), ['close 1000']);
});
must('5.5.1-2', 'with the same code, behind what was asked before', async () => {
  for (const code of [
    1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
  ]) {
    await answers(Buffer.concat([text('x'), close(code, 'because')]), ['text x', `close ${code}`]);
  }
});
must('5.5.1-3', 'ours or an answer', async () => {
  await answers(Buffer.concat([text('close 4000'), text('more'), ping('x'), close(4000)]), [
    'close 4000',
    'pong x',
  ]);
  await answers(Buffer.concat([end, text('x'), end, ping('y')]), ['close 1000']);
});
must('5.5.1-4', '', async () => {
  await answers(close(1000, 'Grüße'), ['close 1000']);
  for (const bytes of ['ff', 'c3', 'eda080', '41c328']) {
    await answers(close(1000, hex(bytes)), ['close 1007']);
  }
});
must('5.5.1-5', '', async () => {
  const client = await connect();
  await client.upgrade();
  client.send(end);
  // Our half stays open: only the server can have ended it.
  const received = await client.receivedUntilEnd();
  assert.deepEqual([...received.subarray(0, 2)], [0x88, 2]);
  client[Symbol.dispose]();
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
must('7.1.7-1', '', async () => {
  await answers(Buffer.concat([text('a'), frame({ opcode: 3 }), text('b'), ping('c'), end]), [
    'text a',
    'close 1002',
  ]);
  assert.deepEqual(seen.messages, ['a']);
  const info = await seen.close;
  assert.deepEqual([info?.code, info?.sentCode, info?.cause], [1006, 1002, 'protocol-error']);
});
must('7.4.1-1', '', async () => {
  const server = new WebSocketServer();
  const client = await connect();
  await client.upgrade();
  for (const code of [1004, 1005, 1006, 1015, 1016, 2999, 5000, 999, 0]) {
    client.send(text(`close ${code}`));
  }
  // The application's misuse is its own fault: 1011, never the code it asked for.
  const { payload } = await client.nextFrame();
  assert.equal(payload.readUInt16BE(), 1011);
  client[Symbol.dispose]();
  assert.throws(() => void server.shutdown({ code: 1006 }), MisuseError);
});
must('7.4.1-2', '', async () => {
  for (const code of [1004, 1005, 1006, 1015]) await answers(close(code), ['close 1002']);
});
must('7.4.2-1', 'nor those that are not assigned', async () => {
  for (const code of [0, 1, 999, 1016, 1100, 2000, 2999, 5000, 65_535])
    await answers(close(code), ['close 1002']);
});
