import assert from 'node:assert/strict';
import { binary, close, continuation, frame, hex, ping, pong, text } from '../../src/testing/index.ts';
import { answers, connect, LIMIT, must, seen } from './exchange.ts';

/** Rows: what is sent, and everything that comes back up to the end of TCP. */
const rows =
  (...list: readonly (readonly [sent: readonly Buffer[], expected: readonly string[]])[]) =>
  async () => {
    for (const [sent, expected] of list) await answers(Buffer.concat(sent), expected);
  };
const end = close(1000);
const VIOLATION = ['close 1002'];

must(
  '5.1-1',
  '',
  rows(
    [[text('Hello', { mask: false })], VIOLATION],
    [[ping('', { mask: false })], VIOLATION],
    [
      [text('one'), close(1000, '', { mask: false })],
      ['text one', 'close 1002'],
    ],
  ),
);
must(
  '5.1-2',
  'nor are those of the server itself',
  rows([
    [text('a'), binary('b'), ping('c'), end],
    ['text a', 'binary b', 'pong c', 'close 1000'],
  ]),
);
must(
  '5.2-1',
  '',
  rows(
    ...(['rsv1', 'rsv2', 'rsv3'] as const).flatMap(
      (bit) =>
        [
          [[text('x', { [bit]: true })], VIOLATION],
          [[ping('x', { [bit]: true })], VIOLATION],
          [[text('x', { fin: false }), continuation('y', { [bit]: true })], VIOLATION],
        ] as const,
    ),
  ),
);
must(
  '5.2-2',
  '',
  rows(
    ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map(
      (opcode) => [[frame({ opcode, payload: 'x' })], VIOLATION] as const,
    ),
  ),
);
must('5.2-3', '', async () => {
  const client = await connect();
  await client.upgrade();
  for (const length of [0, 1, 125, 126, 127, 65_535, 65_536]) {
    client.send(binary(Buffer.alloc(length)));
    const { lengthForm, payload } = await client.nextFrame();
    assert.equal(payload.length, length);
    assert.equal(lengthForm, length < 126 ? 7 : length < 65_536 ? 16 : 64);
  }
  client[Symbol.dispose]();
});
must(
  '5.2-4',
  '',
  rows(
    [[frame({ opcode: 2, lengthForm: 64, announcedLength: 2n ** 63n })], VIOLATION],
    [[frame({ opcode: 2, lengthForm: 64, announcedLength: 2n ** 64n - 1n })], VIOLATION],
  ),
);
must(
  '5.2-5',
  '',
  rows(
    [[frame({ opcode: 2, payload: 'x', lengthForm: 16 })], VIOLATION],
    [[frame({ opcode: 2, payload: 'x'.repeat(125), lengthForm: 16 })], VIOLATION],
    [[frame({ opcode: 2, payload: 'x', lengthForm: 64 })], VIOLATION],
    [[frame({ opcode: 2, payload: 'x'.repeat(65_535), lengthForm: 64 })], VIOLATION],
  ),
);
must(
  '5.3-1',
  'the example of §5.7 among them',
  rows(
    [
      [hex('818537fa213d7f9f4d5158'), end],
      ['text Hello', 'close 1000'],
    ],
    ...['00000000', 'ffffffff', '00ff00ff', '80000001', '01020304'].map(
      (key) =>
        [
          [text('mask me, 17 bytes', { mask: hex(key) }), end],
          ['text mask me, 17 bytes', 'close 1000'],
        ] as const,
    ),
  ),
);
must(
  '5.4-1',
  '',
  rows([
    [
      text('whole'),
      text('in ', { fin: false }),
      continuation('two ', { fin: false }),
      continuation('or three'),
      end,
    ],
    ['text whole', 'text in two or three', 'close 1000'],
  ]),
);
must(
  '5.4-2',
  '',
  rows([
    [
      text('a', { fin: false }),
      ping('1'),
      continuation('b', { fin: false }),
      ping('2'),
      pong('3'),
      continuation('c'),
      end,
    ],
    ['pong 1', 'pong 2', 'text abc', 'close 1000'],
  ]),
);
must(
  '5.4-3',
  '',
  rows(
    [[ping('x', { fin: false })], VIOLATION],
    [[pong('x', { fin: false })], VIOLATION],
    [[close(1000, '', { fin: false })], VIOLATION],
  ),
);
must(
  '5.4-4',
  '',
  rows(
    [[text('a', { fin: false }), text('b')], VIOLATION],
    [[text('a', { fin: false }), binary('b', { fin: false })], VIOLATION],
  ),
);
must(
  '5.4-5',
  '',
  rows(
    [[continuation('x')], VIOLATION],
    [[continuation('x', { fin: false })], VIOLATION],
    [
      [text('whole'), continuation('x')],
      ['text whole', 'close 1002'],
    ],
  ),
);
must(
  '5.4-6',
  'empty ones and binary, too',
  rows([
    [
      binary('', { fin: false }),
      continuation('\x01', { fin: false }),
      continuation('', { fin: false }),
      continuation('\x02'),
      end,
    ],
    ['binary \x01\x02', 'close 1000'],
  ]),
);
must(
  '5.5-1',
  '',
  rows(
    [
      [ping('x'.repeat(125)), end],
      ['pong of 125', 'close 1000'],
    ],
    [[frame({ opcode: 9, payload: 'x'.repeat(126) })], VIOLATION],
    [[frame({ opcode: 10, payload: 'x'.repeat(65_536) })], VIOLATION],
    [[frame({ opcode: 8, payload: `\x03\xe8${'x'.repeat(124)}` })], VIOLATION],
  ),
);
must(
  '5.5.2-1',
  'also many at once',
  rows(
    [
      [ping(), ping('a'), ping('b'), end],
      ['pong', 'pong a', 'pong b', 'close 1000'],
    ],
    [[end, ping('too late')], ['close 1000']],
  ),
);
must(
  '5.5.3-1',
  'every byte',
  rows([
    [ping(Buffer.from(Array.from({ length: 60 }, (_, i) => i * 4))), end],
    [`pong ${Buffer.from(Array.from({ length: 60 }, (_, i) => i * 4)).toString('latin1')}`, 'close 1000'],
  ]),
);
must(
  '5.5.3-2',
  '',
  rows([
    [pong(), pong('unasked'), text('x'), end],
    ['text x', 'close 1000'],
  ]),
);
must(
  '5.6-1',
  '',
  rows(
    [
      [text(hex('ce'), { fin: false }), continuation(hex('ba')), end],
      ['text \xce\xba', 'close 1000'],
    ],
    [
      [
        text(hex('f0'), { fin: false }),
        continuation(hex('9f'), { fin: false }),
        continuation(hex('9880')),
        end,
      ],
      ['text \xf0\x9f\x98\x80', 'close 1000'],
    ],
    [[text(hex('ce'), { fin: false }), continuation('')], ['close 1007']],
    [[text(hex('f09f98'))], ['close 1007']],
  ),
);
must('6.2-1', '', async () => {
  await answers(Buffer.concat([text('t'), binary('b'), end]), ['text t', 'binary b', 'close 1000']);
  assert.deepEqual(seen.messages, ['t', Buffer.from('b')]);
});
must(
  '6.1-2',
  '',
  rows([
    [text('x'.repeat(200)), end],
    ['text of 200', 'close 1000'],
  ]),
);
must(
  '8.1-1',
  'whole messages',
  rows(
    ...['ff', 'c080', 'e08080', 'eda080', 'edbfbf', 'f4908080', 'f8888080', '80', 'c3', '48c328'].map(
      (bytes) => [[text(hex(bytes))], ['close 1007']] as const,
    ),
  ),
);
must('8.1-1', 'inside an unfinished fragment, before its end has come', async () => {
  const client = await connect();
  await client.upgrade();
  client.send(
    text(Buffer.concat([Buffer.from('fine so far '), hex('eda0'), Buffer.alloc(500)]), {
      fin: false,
    }).subarray(0, 22),
  );
  const { opcode, payload } = await client.nextFrame();
  assert.deepEqual([opcode, payload.readUInt16BE()], [8, 1007]);
  client[Symbol.dispose]();
});
must(
  '10.4-1',
  '',
  rows(
    [
      [binary(Buffer.alloc(LIMIT)), end],
      [`binary of ${LIMIT}`, 'close 1000'],
    ],
    [[frame({ opcode: 2, lengthForm: 64, announcedLength: LIMIT + 1 })], ['close 1009']],
    [[frame({ opcode: 2, lengthForm: 64, announcedLength: 2n ** 63n - 1n })], ['close 1009']],
    [[binary(Buffer.alloc(LIMIT), { fin: false }), continuation('x')], ['close 1009']],
  ),
);
must(
  '10.7-1',
  'random bytes',
  rows([[hex('0123456789abcdef')], VIOLATION], [[hex('ffffffffffff')], VIOLATION]),
);
