import { kept, live, notOurs, type Rule, section } from './rule.ts';

const PROXY = notOurs('Hawser is an endpoint and never re-fragments the frames of others');
const FIRST_BYTE = 'protocol/frame-header.ts#checkFirstByte';
const BUILDER = 'protocol/outgoing/frame-builder.ts#writeHeader';
const CORE = 'protocol/connection.ts#next';
const CLIENT_KEY = kept('client/key-pool.ts#KeyPool', 'client/turns: keys come from the source of chance');

/** §5: frames. */
export const FRAMES: readonly Rule[] = [
  ...section(
    '5.1',
    [
      'MUST',
      'client',
      'every frame to a server is masked',
      kept(
        BUILDER,
        "protocol/outgoing/frame-builder: a client's frame of 125 bytes",
        'protocol/outgoing/frame-builder: the parser reads frames that the builder produces',
      ),
    ],
    [
      'MUST',
      'server',
      'a frame that is not masked ends the connection',
      kept(
        'protocol/frame-header.ts#ERR_MASK_MISSING',
        live('5.1-1'),
        'protocol/connection: §5.1 an unmasked frame from a client',
      ),
    ],
    ['MUST NOT', 'server', 'no frame to a client is masked', kept(BUILDER, live('5.1-2'))],
    [
      'MUST',
      'client',
      'a masked frame from a server ends the connection',
      kept(
        'protocol/frame-header.ts#ERR_MASK_UNEXPECTED',
        'protocol/connection: §5.1 a masked frame from a server',
      ),
    ],
  ),
  ...section(
    '5.2',
    [
      'MUST',
      'both',
      'reserved bits are 0 unless an extension owns them; the grammar says so for each of the three',
      kept(
        BUILDER,
        'protocol/outgoing/frame-builder: §5.7: the builder produces the example frames',
        live('5.1-2'),
      ),
      4,
    ],
    [
      'MUST',
      'both',
      'a reserved bit that no extension owns fails the connection',
      kept(FIRST_BYTE, live('5.2-1'), 'protocol/connection: client: FP-04 rsv1 on opcode 1'),
    ],
    [
      'MUST',
      'both',
      'an unknown opcode fails the connection',
      kept(FIRST_BYTE, live('5.2-2'), 'protocol/connection: client: FP-04 §5.2 reserved opcode 3'),
    ],
    [
      'MUST',
      'both',
      'the top bit of a 64-bit length is 0',
      kept(
        'protocol/frame-header.ts#ERR_LENGTH_SIGN',
        live('5.2-4'),
        'protocol/connection: the top bit is set',
      ),
    ],
    [
      'MUST',
      'both',
      'lengths have their shortest form, sent and received',
      kept(
        ['protocol/frame-header.ts#ERR_LENGTH_ENCODING', BUILDER],
        live('5.2-3'),
        live('5.2-5'),
        'protocol/outgoing/frame-builder: has the shortest length form, in every way to build it',
      ),
    ],
    [
      'MUST',
      'other',
      'an extension says how long its data is, and how its use is negotiated',
      notOurs('binds authors of extensions'),
      2,
    ],
  ),
  ...section(
    '5.3',
    [
      'MUST',
      'client',
      'a masked frame has its mask bit set',
      kept(BUILDER, 'protocol/outgoing/frame-builder: §5.7: the builder produces the example frames'),
    ],
    ['MUST', 'client', 'each frame has a fresh key', CLIENT_KEY],
    ['MUST', 'client', 'keys come from a strong source of entropy', CLIENT_KEY],
    ['MUST NOT', 'client', 'a key does not help to predict the next', CLIENT_KEY],
  ),
  ...section(
    '5.4',
    [
      'MUST NOT',
      'both',
      'control frames are not fragmented',
      kept(FIRST_BYTE, live('5.4-3'), 'protocol/connection: with FIN 0'),
    ],
    [
      'MUST',
      'both',
      'fragments are delivered in their order',
      kept(
        'protocol/message-assembler.ts#append',
        live('5.4-6'),
        'protocol/connection: three fragments, the type comes from the first',
      ),
    ],
    [
      'MUST NOT',
      'both',
      'fragments of two messages are not mixed',
      kept('protocol/frame-header.ts#ERR_INTERLEAVED', live('5.4-4'), live('5.4-5')),
    ],
    [
      'MUST',
      'both',
      'control frames inside a fragmented message are handled',
      kept(CORE, live('5.4-2'), 'protocol/connection: client: FR-04 CT-01 control frames between fragments'),
    ],
    ['MUST', 'both', 'messages are received in one frame and in fragments', kept(CORE, live('5.4-1'))],
    [
      'MUST NOT',
      'other',
      'a proxy does not change the fragmentation of control frames, with unknown reserved bits, under extensions it does not know, or of connections whose handshake it did not see',
      PROXY,
      4,
    ],
    [
      'MUST',
      'both',
      'all fragments of a message have the type of the first',
      kept('protocol/frame-header.ts#follow', live('5.4-4'), live('5.4-6')),
    ],
  ),
  ...section(
    '5.5',
    [
      'MUST',
      'both',
      'control frames carry at most 125 bytes, sent and received',
      kept(
        [
          'protocol/frame-header.ts#ERR_CONTROL_TOO_LONG',
          'protocol/outgoing/frame-builder.ts#checkControlPayload',
        ],
        live('5.5-1'),
        'protocol/outgoing/frame-builder: a control frame carries at most 125 bytes',
      ),
    ],
    ['MUST NOT', 'both', 'they are not fragmented', kept(FIRST_BYTE, live('5.4-3'))],
  ),
  ...section(
    '5.5.1',
    [
      'MUST',
      'both',
      'a body begins with a code of two bytes, the higher first',
      kept(
        ['protocol/close.ts#readCloseBody', 'protocol/close.ts#buildCloseBody'],
        live('5.5.1-1'),
        'protocol/close: §5.5.1: the Close body is the code, big-endian, and the reason',
      ),
    ],
    [
      'MUST NOT',
      'client',
      'the reason is not shown to end users',
      notOurs(
        'the library shows nothing to anybody; the command line is a tool for developers, and escapes what it prints',
      ),
    ],
    [
      'MUST NOT',
      'both',
      'no data frame follows a Close that was sent',
      kept(
        ['protocol/connection.ts#close', 'connection/link.ts#state'],
        live('5.5.1-3'),
        'server/opening/closing-live: messages accepted before close go out first, none after it',
      ),
    ],
    [
      'MUST',
      'both',
      'a Close is answered with a Close, unless one was sent',
      kept(
        'protocol/connection.ts#receiveClose',
        live('5.5.1-2'),
        'protocol/connection-commands: Closes that cross complete one closing handshake',
      ),
    ],
    [
      'SHOULD',
      'both',
      'the answer comes as soon as it can',
      kept(
        'protocol/connection.ts#closeNow',
        live('5.5.1-2'),
        'protocol/connection: CL-05 the answer repeats the code',
      ),
    ],
    [
      'MUST',
      'both',
      'after both Closes TCP is closed',
      kept(
        'connection/ending.ts#socket.end',
        live('5.5.1-5'),
        'server/opening/closing-live: the peer closes: one close event',
      ),
    ],
    [
      'MUST',
      'server',
      'the server closes TCP at once',
      kept('connection/ending.ts#socket.end', live('5.5.1-5')),
    ],
    [
      'SHOULD',
      'client',
      'the client waits for the server to close TCP',
      kept(
        'connection/ending.ts#a client waits for it',
        'testing/pair: a client waits for the server to end TCP',
      ),
    ],
  ),
  ...section(
    '5.5.2',
    [
      'MUST',
      'both',
      'a ping is answered with a pong, unless a Close has come',
      kept(
        'protocol/connection.ts#controlFrame',
        live('5.5.2-1'),
        'protocol/connection: client: CL-01 CT-03 after our Close: pings are answered',
      ),
    ],
    [
      'SHOULD',
      'both',
      'as soon as it can: ahead of messages that wait',
      kept(
        'protocol/outgoing/outbox.ts#control',
        'protocol/outgoing/outbox: arrives whole and in order',
        live('5.5.2-1'),
      ),
    ],
  ),
  ...section('5.6', [
    'MUST',
    'both',
    'a text message as a whole is UTF-8, sent and received',
    kept(
      [
        'protocol/utf8.ts#Utf8Validator',
        'protocol/utf8-decoder.ts#decodeIfUtf8',
        'protocol/payload.ts#outgoing',
      ],
      live('5.6-1'),
      'protocol/outgoing/frame-builder: text of "\\ud800"',
      'fuzz: the validator agrees with a naive model',
    ),
  ]),
  ...section('5.8', [
    'MUST',
    'both',
    'extensions are negotiated in the opening handshake',
    kept('protocol/handshake/answer.ts#renderUpgrade', live('4.2.2-6'), live('5.2-1')),
  ]),
  ...section(
    '6.1',
    [
      'MUST',
      'both',
      'a message is sent by the steps below',
      kept('connection/connection.ts#send', live('6.1-2')),
    ],
    [
      'MUST',
      'both',
      'only while the connection is open; else nothing is sent',
      kept('connection/connection.ts#send', live('6.1-1')),
      2,
    ],
    [
      'MUST',
      'both',
      'data goes into frames',
      kept(
        BUILDER,
        live('6.1-2'),
        'protocol/outgoing/frame-builder: the parser reads frames that the builder produces',
      ),
    ],
    [
      'MUST',
      'both',
      'the first frame has the opcode of text or binary',
      kept('protocol/payload.ts#outgoing', live('6.1-2'), live('6.2-1')),
    ],
    ['MUST', 'both', 'the last frame has FIN', kept(BUILDER, live('6.1-2'))],
    [
      'MUST',
      'client',
      'a client masks',
      kept(
        'protocol/outgoing/frame-builder.ts#writeFrame',
        "protocol/outgoing/frame-builder: a client's text of",
      ),
    ],
    [
      'MUST',
      'both',
      'the frames are transmitted',
      kept(
        'protocol/outgoing/outbox.ts#Outbox',
        'protocol/outgoing/outbox: arrives whole and in order',
        'connection/sending: messages accepted before a close arrive, even at a slow peer',
      ),
    ],
  ),
  ...section(
    '6.2',
    [
      'MUST',
      'both',
      'incoming data is parsed as frames',
      kept('protocol/frame-parser.ts#FrameParser', 'fuzz: parser and assembly agree with a naive model'),
    ],
    [
      'MUST',
      'both',
      'control frames are handled as §5.5 says',
      kept('protocol/connection.ts#controlFrame', live('5.5.2-1'), live('5.5.1-2')),
    ],
    [
      'MUST',
      'both',
      'the type of a message is noted from its first frame',
      kept('protocol/frame-header.ts#messageOpcode', live('6.2-1'), live('5.4-6')),
    ],
    [
      'MUST',
      'both',
      'after the last fragment the next data frame begins a new message',
      kept(
        'protocol/frame-header.ts#endMessage',
        'protocol/connection: three fragments, the type comes from the first',
        live('5.4-5'),
      ),
    ],
    [
      'MUST',
      'server',
      'masking is removed',
      kept(
        'protocol/mask.ts#mask',
        live('5.3-1'),
        live('6.2-1'),
        'protocol/mask: every alignment, length up to 70 and position gives the naive result',
      ),
    ],
  ),
];
