import { kept, live, notOurs, type Rule, section } from './rule.ts';

const PROXY = notOurs('Hawser is an endpoint, not a proxy: it forwards no frames');
const FIRST_BYTE = 'protocol/frame-header.ts#checkFirstByte';
const BUILDER = 'protocol/outgoing/frame-builder.ts#writeHeader';
const CORE = 'protocol/connection.ts#next';
const CLIENT_KEY = kept(
  'client/key-pool.ts#KeyPool',
  'client/turns: masking keys are consecutive random 4-byte values',
);

/** §5: frames. */
export const FRAMES: readonly Rule[] = [
  ...section(
    '5.1',
    [
      'MUST',
      'client',
      'A client masks every frame',
      kept(
        BUILDER,
        "protocol/outgoing/frame-builder: a client's frame of 125 bytes",
        'protocol/outgoing/frame-builder: the parser reads frames that the builder produces',
      ),
    ],
    [
      'MUST',
      'server',
      'An unmasked frame from a client ends the connection',
      kept(
        'protocol/frame-header.ts#ERR_MASK_MISSING',
        live('5.1-1'),
        'protocol/connection: §5.1 an unmasked frame from a client',
      ),
    ],
    ['MUST NOT', 'server', 'A server masks no frame', kept(BUILDER, live('5.1-2'))],
    [
      'MUST',
      'client',
      'A masked frame from a server ends the connection',
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
      'Reserved bits are 0 unless an extension defines them; the grammar repeats this for each of the three bits',
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
      'A reserved bit that no extension defines fails the connection',
      kept(FIRST_BYTE, live('5.2-1'), 'protocol/connection: client: FP-04 rsv1 on opcode 1'),
    ],
    [
      'MUST',
      'both',
      'An unknown opcode fails the connection',
      kept(FIRST_BYTE, live('5.2-2'), 'protocol/connection: client: FP-04 §5.2 reserved opcode 3'),
    ],
    [
      'MUST',
      'both',
      'The top bit of a 64-bit length is 0',
      kept(
        'protocol/frame-header.ts#ERR_LENGTH_SIGN',
        live('5.2-4'),
        'protocol/connection: the top bit is set',
      ),
    ],
    [
      'MUST',
      'both',
      'Sent and received lengths have their shortest form',
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
      'An extension defines the length of its data and its negotiation',
      notOurs('binds authors of extensions; Hawser defines no extension'),
      2,
    ],
  ),
  ...section(
    '5.3',
    [
      'MUST',
      'client',
      'A masked frame has its mask bit set',
      kept(BUILDER, 'protocol/outgoing/frame-builder: §5.7: the builder produces the example frames'),
    ],
    ['MUST', 'client', 'Each frame has a new masking key', CLIENT_KEY],
    ['MUST', 'client', 'Masking keys come from a strong source of entropy', CLIENT_KEY],
    ['MUST NOT', 'client', 'A masking key does not make the next one predictable', CLIENT_KEY],
  ),
  ...section(
    '5.4',
    [
      'MUST NOT',
      'both',
      'Control frames are not fragmented',
      kept(FIRST_BYTE, live('5.4-3'), 'protocol/connection: with FIN 0'),
    ],
    [
      'MUST',
      'both',
      'Fragments are delivered in order',
      kept(
        'protocol/message-assembler.ts#append',
        live('5.4-6'),
        'protocol/connection: three fragments, the type comes from the first',
      ),
    ],
    [
      'MUST NOT',
      'both',
      'Fragments of two messages are not interleaved',
      kept('protocol/frame-header.ts#ERR_INTERLEAVED', live('5.4-4'), live('5.4-5')),
    ],
    [
      'MUST',
      'both',
      'An endpoint handles control frames inside a fragmented message',
      kept(CORE, live('5.4-2'), 'protocol/connection: client: FR-04 CT-01 control frames between fragments'),
    ],
    ['MUST', 'both', 'An endpoint receives fragmented and unfragmented messages', kept(CORE, live('5.4-1'))],
    [
      'MUST NOT',
      'other',
      'A proxy does not change the fragmentation of control frames, of frames with unknown reserved bits or unknown extensions, or of connections whose handshake it did not see',
      PROXY,
      4,
    ],
    [
      'MUST',
      'both',
      'All fragments of a message have the type of the first one',
      kept('protocol/frame-header.ts#follow', live('5.4-4'), live('5.4-6')),
    ],
  ),
  ...section(
    '5.5',
    [
      'MUST',
      'both',
      'Sent and received control frames have at most 125 bytes of payload',
      kept(
        [
          'protocol/frame-header.ts#ERR_CONTROL_TOO_LONG',
          'protocol/outgoing/frame-builder.ts#checkControlPayload',
        ],
        live('5.5-1'),
        'protocol/outgoing/frame-builder: a control frame carries at most 125 bytes',
      ),
    ],
    ['MUST NOT', 'both', 'Control frames are not fragmented', kept(FIRST_BYTE, live('5.4-3'))],
  ),
  ...section(
    '5.5.1',
    [
      'MUST',
      'both',
      'A Close body begins with a code of two bytes in network byte order',
      kept(
        ['protocol/close.ts#readCloseBody', 'protocol/close.ts#buildCloseBody'],
        live('5.5.1-1'),
        'protocol/close: §5.5.1: the Close body is the code, big-endian, and the reason',
      ),
    ],
    [
      'MUST NOT',
      'client',
      'The reason is not shown to end users',
      notOurs(
        'the library displays nothing; the command line is a tool for developers and escapes the reason before it prints it',
      ),
    ],
    [
      'MUST NOT',
      'both',
      'An endpoint sends no data frame after Close',
      kept(
        ['protocol/connection.ts#close', 'connection/link.ts#state'],
        live('5.5.1-3'),
        'server/opening/closing-live: messages accepted before close go out first, none after it',
      ),
    ],
    [
      'MUST',
      'both',
      'An endpoint answers Close with Close, unless it has sent one',
      kept(
        'protocol/closing-handshake.ts#receive',
        live('5.5.1-2'),
        'protocol/connection-commands: Closes that cross complete one closing handshake',
      ),
    ],
    [
      'SHOULD',
      'both',
      'The answer is sent as soon as possible',
      kept(
        'protocol/closing-handshake.ts#closeNow',
        live('5.5.1-2'),
        'protocol/connection: CL-05 the answer repeats the code',
      ),
    ],
    [
      'MUST',
      'both',
      'After both Close frames an endpoint closes TCP',
      kept(
        'connection/ending.ts#socket.end',
        live('5.5.1-5'),
        'server/opening/closing-live: the peer closes: one close event',
      ),
    ],
    [
      'MUST',
      'server',
      'The server closes TCP at once',
      kept('connection/ending.ts#socket.end', live('5.5.1-5')),
    ],
    [
      'SHOULD',
      'client',
      'The client waits for the server to close TCP',
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
      'An endpoint answers a ping with a pong, unless it has received Close',
      kept(
        'protocol/connection.ts#next',
        live('5.5.2-1'),
        'protocol/connection: client: CL-01 CT-03 after our Close: pings are answered',
      ),
    ],
    [
      'SHOULD',
      'both',
      'The pong is sent as soon as possible, before queued messages',
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
    'Sent and received text messages are valid UTF-8 as a whole',
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
    'Extensions are negotiated in the opening handshake',
    kept('protocol/handshake/answer.ts#renderUpgrade', live('4.2.2-6'), live('5.2-1')),
  ]),
  ...section(
    '6.1',
    [
      'MUST',
      'both',
      'An endpoint sends a message by the steps below',
      kept('connection/connection.ts#send', live('6.1-2')),
    ],
    [
      'MUST',
      'both',
      'A message is sent only while the connection is open',
      kept('connection/connection.ts#send', live('6.1-1')),
      2,
    ],
    [
      'MUST',
      'both',
      'Data is sent in frames',
      kept(
        BUILDER,
        live('6.1-2'),
        'protocol/outgoing/frame-builder: the parser reads frames that the builder produces',
      ),
    ],
    [
      'MUST',
      'both',
      'The first frame has the opcode of text or binary',
      kept('protocol/payload.ts#outgoing', live('6.1-2'), live('6.2-1')),
    ],
    ['MUST', 'both', 'The last frame has FIN', kept(BUILDER, live('6.1-2'))],
    [
      'MUST',
      'client',
      'A client masks its frames',
      kept(
        'protocol/outgoing/frame-builder.ts#writeFrame',
        "protocol/outgoing/frame-builder: a client's text of",
      ),
    ],
    [
      'MUST',
      'both',
      'The frames are transmitted',
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
      'Incoming data is parsed as frames',
      kept('protocol/frame-parser.ts#FrameParser', 'fuzz: parser and assembly agree with a naive model'),
    ],
    [
      'MUST',
      'both',
      'Control frames are handled as defined in §5.5',
      kept('protocol/connection.ts#next', live('5.5.2-1'), live('5.5.1-2')),
    ],
    [
      'MUST',
      'both',
      'The first frame gives the type of the message',
      kept('protocol/frame-header.ts#messageOpcode', live('6.2-1'), live('5.4-6')),
    ],
    [
      'MUST',
      'both',
      'After the last fragment the next data frame begins a new message',
      kept(
        'protocol/frame-header.ts#endMessage',
        'protocol/connection: three fragments, the type comes from the first',
        live('5.4-5'),
      ),
    ],
    [
      'MUST',
      'server',
      'The server unmasks received data',
      kept(
        'protocol/mask.ts#mask',
        live('5.3-1'),
        live('6.2-1'),
        'protocol/mask: every alignment, length up to 70 and position gives the naive result',
      ),
    ],
  ),
];
