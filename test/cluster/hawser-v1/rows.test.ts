import { test } from 'node:test';
import type { ServerOptions } from '../../../src/index.ts';
import { type Fact, matches, v1Server, type V1Peer } from './peer.ts';

/** One step: a client (`a`, `b`) sends a frame, or gets frames within a few turns; or the application acts. */
type Step =
  | readonly [client: string, sends: '>', frame: Fact | string | Uint8Array]
  | readonly [client: string, gets: '<', ...frames: Fact[]]
  | readonly ['publish', topic: string, data: string | Uint8Array]
  | readonly ['unsubscribe', client: string, topic: string]
  | readonly ['leaves', client: string];

interface Row {
  readonly title: string;
  readonly options?: ServerOptions;
  readonly steps: readonly Step[];
}

const NEWS: ServerOptions = { history: { match: 'news' } };
const REFUSED = 'the client is told, and the connection goes on';
const OK = { op: 'ok', id: 1, topic: 'news', recovered: false, epoch: '$epoch', offset: 0, missed: 0 };
const subscribe = (id: unknown, topic: unknown = 'news', more: Fact = {}): Fact => ({
  op: 'subscribe',
  id,
  topic,
  ...more,
});
const error = (code: string, id?: number | string): Fact => ({
  op: 'error',
  ...(id === undefined ? {} : { id }),
  code,
  message: '$',
});
const message = (offset: number, data: string): Fact => ({ op: 'message', topic: 'news', offset, data });

/** A frame that gets one error. */
const refused = (
  title: string,
  frame: Fact | string | Uint8Array,
  answer: Fact,
  options?: ServerOptions,
): Row => ({
  title: `HI-01 ${title}: ${REFUSED}`,
  ...(options === undefined ? {} : { options }),
  steps: [
    ['a', '>', frame],
    ['a', '<', answer],
    ['a', '>', { op: 'ping' }],
    ['a', '<', { op: 'pong' }],
  ],
});

const NOTHING_ALLOWED: ServerOptions = { authorizeSubscribe: undefined, authorizePublish: undefined };

const ROWS: readonly Row[] = [
  {
    title: 'HI-01 without history an ok has no position, and a message no offset',
    steps: [
      ['a', '>', subscribe(1, 'plain')],
      ['a', '<', { op: 'ok', id: 1, topic: 'plain' }],
      ['publish', 'plain', 'one'],
      ['publish', 'plain', Buffer.from([0, 255, 16])],
      [
        'a',
        '<',
        { op: 'message', topic: 'plain', data: 'one' },
        { op: 'message', topic: 'plain', data64: 'AP8Q' },
      ],
      ['a', '>', subscribe(2, 'plain')],
      ['a', '<', { op: 'ok', id: 2, topic: 'plain' }],
      ['a', '>', { op: 'unsubscribe', id: 'last', topic: 'plain' }],
      ['a', '<', { op: 'ok', id: 'last', topic: 'plain' }],
      ['publish', 'plain', 'two'],
      ['a', '<'],
    ],
  },
  {
    title: 'HI-04 without history a resume is not recovered',
    steps: [
      ['a', '>', subscribe(1, 'plain', { since: { epoch: 'k3Fq', offset: 3 } })],
      ['a', '<', { op: 'ok', id: 1, topic: 'plain', recovered: false }],
    ],
  },
  {
    title: 'HI-04 missed messages follow the ok, then live ones; a second subscribe gets the position',
    options: NEWS,
    steps: [
      ['a', '>', subscribe(1, 'news', { since: null })],
      ['a', '<', OK],
      ['publish', 'news', 'one'],
      ['a', '<', message(1, 'one')],
      ['a', '>', subscribe(2)],
      ['a', '<', { ...OK, id: 2, offset: 1 }],
      ['leaves', 'a'],
      ['publish', 'news', 'two'],
      ['publish', 'news', 'three'],
      ['b', '>', subscribe(1, 'news', { since: { epoch: '$epoch', offset: 1 } })],
      ['b', '<', { ...OK, recovered: true, offset: 1, missed: 2 }, message(2, 'two'), message(3, 'three')],
      ['publish', 'news', 'four'],
      ['b', '<', message(4, 'four')],
    ],
  },
  {
    title: 'HI-04 another epoch is not recovered, and the whole history follows',
    options: NEWS,
    steps: [
      ['publish', 'news', 'one'],
      ['a', '>', subscribe(1, 'news', { since: { epoch: 'other', offset: 1 } })],
      ['a', '<', { ...OK, missed: 1 }, message(1, 'one')],
    ],
  },
  {
    title: 'HI-01 a publisher gets ok in the place of its message; in a recovery it gets the message',
    options: NEWS,
    steps: [
      ['a', '>', subscribe(1)],
      ['a', '<', OK],
      ['publish', 'news', 'one'],
      ['a', '>', { op: 'publish', id: 2, topic: 'news', data: 'mine' }],
      ['a', '<', message(1, 'one'), { op: 'ok', id: 2, topic: 'news', epoch: '$epoch', offset: 2 }],
      ['publish', 'news', 'three'],
      ['a', '<', message(3, 'three')],
      ['b', '>', { op: 'publish', id: 7, topic: 'news', data64: 'AP8Q' }],
      ['b', '<', { op: 'ok', id: 7, topic: 'news', epoch: '$epoch', offset: 4 }],
      ['a', '<', { op: 'message', topic: 'news', offset: 4, data64: 'AP8Q' }],
      ['a', '>', { op: 'unsubscribe', id: 3, topic: 'news' }],
      ['a', '>', subscribe(4, 'news', { since: { epoch: '$epoch', offset: 1 } })],
      [
        'a',
        '<',
        { op: 'ok', id: 3, topic: 'news' },
        { ...OK, id: 4, recovered: true, offset: 1, missed: 3 },
        message(2, 'mine'),
        message(3, 'three'),
        { op: 'message', topic: 'news', offset: 4, data64: 'AP8Q' },
      ],
    ],
  },
  {
    title: 'HI-01 a publish to a topic without history gets ok without a position, and reaches others only',
    steps: [
      ['a', '>', subscribe(1, 'plain')],
      ['b', '>', subscribe(1, 'plain')],
      ['a', '<', { op: 'ok', id: 1, topic: 'plain' }],
      ['b', '<', { op: 'ok', id: 1, topic: 'plain' }],
      ['a', '>', { op: 'publish', id: 2, topic: 'plain', data: '{"price": 12345678901234567890}' }],
      ['a', '<', { op: 'ok', id: 2, topic: 'plain' }],
      ['b', '<', { op: 'message', topic: 'plain', data: '{"price": 12345678901234567890}' }],
    ],
  },
  {
    title: 'HI-01 the application ends a subscription: the client gets unsubscribed, and no further message',
    steps: [
      ['a', '>', subscribe(1, 'plain')],
      ['a', '<', { op: 'ok', id: 1, topic: 'plain' }],
      ['unsubscribe', 'a', 'plain'],
      ['publish', 'plain', 'one'],
      ['a', '<', { op: 'unsubscribed', topic: 'plain', code: 'revoked' }],
      ['a', '>', { op: 'unsubscribe', id: 2, topic: 'plain' }],
      ['a', '<', error('not-subscribed', 2)],
    ],
  },
  {
    title: 'HI-01 a message over maxBytes of the history is refused, and the next one is not',
    options: { history: { match: 'news', maxBytes: 200 } },
    steps: [
      ['a', '>', { op: 'publish', id: 1, topic: 'news', data: 'é'.repeat(101) }],
      ['a', '<', error('too-big', 1)],
      ['a', '>', { op: 'publish', id: 2, topic: 'news', data: 'short' }],
      ['a', '<', { op: 'ok', id: 2, topic: 'news', epoch: '$', offset: 1 }],
    ],
  },
  {
    title: 'HI-01 the tenth malformed frame closes the connection with 1008',
    steps: [
      ...Array.from({ length: 9 }, (): Step => ['a', '>', '{']),
      ['a', '<', ...Array.from({ length: 9 }, () => error('malformed'))],
      ['a', '>', { op: 'what' }],
      ['a', '<', error('unknown-op'), { close: 1008 }],
    ],
  },
  refused('text that is no JSON', '{', error('malformed')),
  refused('JSON that is no object', '[1]', error('malformed')),
  refused('null', 'null', error('malformed')),
  refused('a binary message', Buffer.from('{"op":"ping"}'), error('malformed')),
  refused('a frame without op', { id: 1 }, error('malformed', 1)),
  refused('an unknown op', { op: 'shout', id: 'x' }, error('unknown-op', 'x')),
  refused('an op that is a name of Object', { op: 'constructor', id: 1 }, error('unknown-op', 1)),
  refused('a frame without id', { op: 'subscribe', topic: 'news' }, error('malformed')),
  ...[-1, 1.5, 2 ** 53, null, {}, 'x'.repeat(65)].map((id) =>
    refused(`the id ${JSON.stringify(id)}`, subscribe(id), error('malformed')),
  ),
  refused('a topic that is no string', subscribe(1, 7), error('malformed', 1)),
  refused('an empty topic', subscribe(1, ''), error('topic', 1)),
  refused(
    'a control character in a topic',
    { op: 'publish', id: 1, topic: 'a\nb', data: '' },
    error('topic', 1),
  ),
  refused(
    'a topic of 257 bytes',
    { op: 'unsubscribe', id: 1, topic: `${'é'.repeat(128)}x` },
    error('topic', 1),
  ),
  ...[{}, { epoch: 'k' }, { epoch: 'a b', offset: 1 }, { epoch: 'k', offset: -1 }, 'k', 7].map((since) =>
    refused(`the position ${JSON.stringify(since)}`, subscribe(1, 'news', { since }), error('malformed', 1)),
  ),
  refused('presence that is no boolean', subscribe(1, 'news', { presence: 'yes' }), error('malformed', 1)),
  ...[
    {},
    { data: 'x', data64: 'eA==' },
    { data: {} },
    { data64: 'eA' },
    { data64: '_-8=' },
    { data64: 'eB==' },
  ].map((data) =>
    refused(
      `a publish with ${JSON.stringify(data)}`,
      { op: 'publish', id: 1, topic: 'news', ...data },
      error('malformed', 1),
    ),
  ),
  refused(
    'a lone surrogate',
    String.raw`{"op":"publish","id":1,"topic":"news","data":"\ud800"}`,
    error('malformed', 1),
  ),
  refused('a request without a name', { op: 'request', id: 1, data: '1' }, error('malformed', 1)),
  refused('a reply with bytes', { op: 'reply', id: 's1', data64: 'eA==' }, error('malformed', 's1')),
  refused('an error without a code', { op: 'error', id: 's1' }, error('malformed', 's1')),
  refused(
    'an unsubscribe without a subscription',
    { op: 'unsubscribe', id: 1, topic: 't' },
    error('not-subscribed', 1),
  ),
  refused(
    'presence of a topic without presence',
    { op: 'presence', id: 1, topic: 't' },
    error('no-presence', 1),
  ),
  refused(
    'a watch of a topic without presence',
    subscribe(1, 't', { presence: true }),
    error('no-presence', 1),
  ),
  refused(
    'a request without a handler',
    { op: 'request', id: 1, name: 'x', data: '1' },
    error('no-handler', 1),
  ),
  refused('a subscribe without authorizeSubscribe', subscribe(1), error('forbidden', 1), NOTHING_ALLOWED),
  refused(
    'presence without authorizeSubscribe',
    { op: 'presence', id: 1, topic: 't' },
    error('forbidden', 1),
    {
      ...NOTHING_ALLOWED,
      presence: { match: '*' },
    },
  ),
  refused(
    'a publish without authorizePublish',
    { op: 'publish', id: 1, topic: 'news', data: 'x' },
    error('forbidden', 1),
    NOTHING_ALLOWED,
  ),
  refused('fields that the protocol does not know', subscribe(1, 't', { colour: 'red' }), {
    op: 'ok',
    id: 1,
    topic: 't',
  }),
  {
    title: 'HI-01 replies and errors without a request are ignored',
    steps: [
      ['a', '>', { op: 'reply', id: 's9', data: '1' }],
      ['a', '>', { op: 'error', id: 's9', code: 'failed' }],
      ['a', '>', { op: 'error', code: 'failed' }],
      ['a', '>', { op: 'ping' }],
      ['a', '<', { op: 'pong' }],
    ],
  },
];

for (const { title, options, steps } of ROWS)
  test(title, async (t) => {
    const { core, greeted } = v1Server(t, options);
    const peers = new Map<string, V1Peer>();
    const bound = new Map<string, unknown>();
    const peer = async (name: string): Promise<V1Peer> => {
      const known = peers.get(name) ?? (await greeted());
      peers.set(name, known);
      return known;
    };
    /** Puts in the values that stand for names. */
    const sent = (frame: Fact): Fact =>
      JSON.parse(
        JSON.stringify(frame, (_, value: unknown) =>
          typeof value === 'string' && bound.has(value) ? bound.get(value) : value,
        ),
      ) as Fact;
    for (const step of steps) {
      if (step[0] === 'publish')
        await core.groups.publish(undefined, step[1], step[2] as string, undefined).relayed;
      else if (step[0] === 'unsubscribe') (await peer(step[1])).connection.unsubscribe(step[2] as string);
      else if (step[0] === 'leaves') (await peer(step[1])).connection.terminate();
      else if (step[1] === '<') matches(await (await peer(step[0])).all(), step.slice(2) as Fact[], bound);
      else {
        const frame = step[2] as Fact | string | Uint8Array;
        const { sends, sendsBinary } = await peer(step[0]);
        if (frame instanceof Uint8Array) sendsBinary(frame);
        else sends(typeof frame === 'string' ? frame : sent(frame));
      }
    }
  });
