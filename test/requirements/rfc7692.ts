import { kept, notOurs, type Rule, section } from './rule.ts';

const READ = 'protocol/deflate/parameters.ts#readParameters';
const ANSWER = 'protocol/deflate/answer.ts#answerDeflate';
const OFFER = 'protocol/deflate/offer.ts#offerDeflate';
const ACCEPT = 'protocol/deflate/offer.ts#acceptDeflateAnswer';
const AGREED = 'protocol/deflate/parameters.ts#agreement';
const INFLATER = 'engine/zlib/message-inflater.ts#MessageInflater';
const SENDER = 'protocol/outgoing/compressing-outbox.ts#CompressingOutbox';
const NEGOTIATION = 'protocol/deflate/negotiation';
const RECEIVING = 'protocol/deflate/receiving';
const SENDING = 'connection/compressed-sending';
const declined = (offer: string): string =>
  `${NEGOTIATION}: the offer is declined and the connection goes on: ${offer}`;
const refused = (answer: string): string => `${NEGOTIATION}: is answered ${answer}`;
const fails = (answer: string): string => `client/compression: the handshake fails with the answer ${answer}`;
const MESSAGES = 'connection/compressed-receiving: compressed and uncompressed messages arrive in order';
const BOTH_SIDES = 'client/compression: both hear what the other says';
const PEERS = 'interop/other-servers: our client and Python';
/** Offers and answers of ours, each with each. */
const EACH_OTHER = `${NEGOTIATION}: our client accepts the answer of our server`;

/** RFC 7692: the framework (§4 to §6) and permessage-deflate (§7). */
export const COMPRESSION: readonly Rule[] = [
  ...section(
    '4',
    [
      'MUST',
      'other',
      'an extension of the framework defines its name, its parameters and its transformation',
      notOurs('this binds whoever specifies another extension; permessage-deflate is the only one here'),
    ],
    [
      'MUST',
      'both',
      'the header has the name and the parameters that the extension defines',
      kept([OFFER, ANSWER], `${NEGOTIATION}: offers permessage-deflate`, EACH_OTHER),
    ],
  ),
  ...section(
    '5',
    [
      'MUST',
      'client',
      'an offer names the extension in Sec-WebSocket-Extensions',
      kept(
        OFFER,
        'client/compression: client and server, with takeover, window 2^15',
        'client/compression: PD-10 a client that is not told to offers nothing',
      ),
    ],
    [
      'MUST',
      'client',
      'a client that keeps a smaller window says so in its offer',
      kept(
        OFFER,
        `${NEGOTIATION}: offers permessage-deflate; server_max_window_bits=10`,
        'client/compression: client and server, with takeover, window 2^9',
      ),
    ],
    [
      'MUST',
      'server',
      'an acceptance names the extension in the response',
      kept(ANSWER, `${NEGOTIATION}: PD-02 PD-03`),
    ],
    [
      'MUST',
      'server',
      'and stands for what the server supports in full',
      kept(
        ANSWER,
        declined('permessage-deflate; server_max_window_bits=8'),
        'client/compression: client and server, without takeover, window 2^9',
      ),
    ],
    [
      'MUST NOT',
      'server',
      'no other extension that uses RSV1 is accepted beside it',
      kept(ANSWER, `${NEGOTIATION}: answers foo, permessage-deflate; bar, permessage-deflate`),
    ],
    [
      'MUST',
      'client',
      'a response with two such extensions fails the connection',
      kept(
        ACCEPT,
        refused('permessage-deflate, permessage-deflate'),
        fails('permessage-deflate; server_no_context_takeover, permessage-deflate'),
      ),
    ],
    [
      'MUST NOT',
      'server',
      'no extension is accepted below it that needs frames kept, or has attributes of frames',
      kept(ANSWER, `${NEGOTIATION}: answers foo, permessage-deflate; bar, permessage-deflate`),
    ],
    [
      'MUST',
      'client',
      'a response with such an extension below fails the connection',
      kept(ACCEPT, refused('permessage-deflate, foo')),
    ],
    [
      'MUST NOT',
      'server',
      'who declines every offer names none in the response',
      kept(ANSWER, declined('permessage-deflate; foo'), declined('x-webkit-deflate-frame')),
    ],
    [
      'MUST',
      'client',
      'an invalid response, or one that was not offered, fails the connection',
      kept(
        ACCEPT,
        'client/compression: an answer to a client that did not offer',
        fails('x-webkit-deflate-frame'),
      ),
    ],
    [
      'MUST',
      'both',
      'what was agreed is used as agreed, and nothing else',
      kept(AGREED, BOTH_SIDES, `${SENDING}: without a negotiated extension nothing is compressed`),
    ],
  ),
  ...section(
    '6.1',
    [
      'MUST',
      'both',
      'a message is compressed whole, and the bit set on its first frame',
      kept(SENDER, `${SENDING}: messages are compressed from the threshold in bytes on`, BOTH_SIDES),
    ],
    [
      'MUST',
      'both',
      'a message that is not compressed goes as it is, the bit not set',
      kept(
        SENDER,
        `${SENDING}: without takeover, a message that does not get smaller is sent uncompressed`,
        `${SENDING}: messages are compressed from the threshold in bytes on`,
      ),
    ],
    [
      'MUST NOT',
      'both',
      'the bit is not set on control frames and on fragments after the first',
      kept(SENDER, BOTH_SIDES, PEERS),
    ],
    [
      'MUST',
      'both',
      'such a frame fails the connection',
      kept(
        'protocol/frame-header.ts#ERR_RSV',
        'connection/compressed-receiving: SE-21 RSV1 on a continuation',
        'connection/compressed-receiving: SE-21 RSV1 on control frame 9',
      ),
    ],
  ),
  ...section(
    '6.2',
    [
      'MUST',
      'both',
      'of a message with the bit the payloads are joined and inflated',
      kept(INFLATER, MESSAGES, `${RECEIVING}: PD-04 empty fragments before, between and after`),
    ],
    ['MUST', 'both', 'a message without it is taken as it came', kept(INFLATER, MESSAGES)],
  ),
  ...section(
    '7',
    [
      'MUST',
      'server',
      'an offer is declined for a parameter that is not defined, wrong or doubled, or a configuration that is not supported',
      kept(
        [READ, ANSWER],
        declined('permessage-deflate; foo'),
        declined('permessage-deflate; __proto__'),
        declined('permessage-deflate; server_max_window_bits=7'),
        declined('permessage-deflate; client_max_window_bits=08'),
        declined('permessage-deflate; server_no_context_takeover; server_no_context_takeover'),
        declined('permessage-deflate; server_max_window_bits=8'),
      ),
    ],
    [
      'MUST',
      'client',
      'a response fails the connection for the same four reasons',
      kept(
        ACCEPT,
        fails('permessage-deflate; server_no_context_takeover; foo'),
        fails('permessage-deflate; server_no_context_takeover; server_max_window_bits=16'),
        fails('permessage-deflate; server_no_context_takeover; server_no_context_takeover'),
        fails('permessage-deflate'),
      ),
    ],
  ),
  ...section('7.1.1.1', [
    'SHOULD',
    'server',
    'server_no_context_takeover in an offer is supported',
    kept(ANSWER, `${NEGOTIATION}: answers permessage-deflate; server_no_context_takeover`),
  ]),
  ...section('7.1.1.2', [
    'MUST',
    'client',
    'client_no_context_takeover in a response is supported',
    kept(
      ACCEPT,
      `${NEGOTIATION}: accepts permessage-deflate; client_no_context_takeover`,
      'client/compression: client and server, without takeover',
    ),
  ]),
  ...section(
    '7.1.2.1',
    [
      'MUST',
      'client',
      'server_max_window_bits of an offer is a number: 8 to 15, without leading zeros',
      kept(
        [OFFER, READ],
        `${NEGOTIATION}: offers permessage-deflate; server_max_window_bits=10`,
        declined('permessage-deflate; server_max_window_bits=16'),
        declined('permessage-deflate; server_max_window_bits=015'),
      ),
    ],
    [
      'MUST',
      'server',
      'and so is that of a response, which is no larger than the offer',
      kept(
        [ANSWER, READ],
        `${NEGOTIATION}: answers permessage-deflate; server_max_window_bits=13`,
        refused('permessage-deflate; server_max_window_bits=16'),
        refused('permessage-deflate; server_max_window_bits=015'),
      ),
    ],
  ),
  ...section(
    '7.1.2.2',
    [
      'MUST',
      'client',
      'client_max_window_bits of an offer, where it has a value, is such a number',
      kept(
        [OFFER, READ],
        `${NEGOTIATION}: client_max_window_bits=11`,
        declined('permessage-deflate; client_max_window_bits=7'),
        declined('permessage-deflate; client_max_window_bits=015'),
      ),
    ],
    [
      'MUST',
      'server',
      'and that of a response always is',
      kept(
        [ANSWER, READ],
        `${NEGOTIATION}: answers permessage-deflate; client_max_window_bits=10`,
        refused('permessage-deflate; client_max_window_bits=16'),
        refused('permessage-deflate; client_max_window_bits'),
      ),
    ],
    [
      'MUST NOT',
      'server',
      'without it in the offer it is not in the response',
      kept(ANSWER, `${NEGOTIATION}: "clientMaxWindowBits":11} answers permessage-deflate`),
    ],
  ),
  ...section(
    '7.2.1',
    [
      'MUST',
      'both',
      'a final block is padded to a whole byte',
      notOurs(
        'zlib is flushed with Z_SYNC_FLUSH, which ends a message with an empty block that is not final',
      ),
    ],
    [
      'MUST NOT',
      'both',
      'of fragments before the last nothing is cut off',
      notOurs('a compressed message leaves here as one frame'),
    ],
    [
      'MUST NOT',
      'both',
      'the window is at most 2^15 bytes',
      kept('protocol/deflate/parameters.ts#MAX_WINDOW_BITS', `${SENDING}: within 2^15 bytes`),
    ],
    [
      'MUST',
      'client',
      'without context takeover each message of a client begins with an empty window',
      kept(SENDER, 'client/compression: client and server, without takeover'),
    ],
    [
      'MUST',
      'server',
      'and each message of a server',
      kept(
        SENDER,
        'client/compression: client and server, without takeover',
        `${SENDING}: with takeover, the message after a shared one refers to no earlier message`,
      ),
    ],
    [
      'MUST NOT',
      'client',
      'with an agreed number of bits the window of a client is no larger',
      kept(
        AGREED,
        'client/compression: window 2^9',
        'client/compression: a client that may use no more than 2^8 sends as it is',
      ),
    ],
    [
      'MUST NOT',
      'server',
      'nor is that of a server',
      kept(AGREED, `${SENDING}: within 2^9 bytes`, 'client/compression: window 2^9'),
    ],
  ),
  ...section(
    '7.2.2',
    [
      'MUST',
      'client',
      'unless the server gave up takeover, its last window is kept for its next message',
      kept(
        INFLATER,
        `${RECEIVING}: client, with takeover: RFC 7692 §7.2.3.2 Hello twice`,
        `${RECEIVING}: client, with takeover: RFC 7692 §7.2.3.2 the window skips uncompressed messages`,
      ),
    ],
    [
      'MUST',
      'server',
      'unless the client gave it up, its last window is kept; a hint in its offer is not enough',
      kept(
        [INFLATER, ANSWER],
        `${RECEIVING}: server, with takeover: RFC 7692 §7.2.3.2 Hello twice`,
        `${RECEIVING}: server, with takeover: RFC 7692 §7.2.3.2 the window skips uncompressed messages`,
        `${NEGOTIATION}: answers permessage-deflate; client_no_context_takeover`,
      ),
      2,
    ],
    [
      'MUST',
      'client',
      'without an agreed number of bits a client inflates with a window of 2^15 bytes',
      kept(
        [ACCEPT, INFLATER],
        `${NEGOTIATION}: accepts permessage-deflate`,
        'client/compression: client and server, with takeover, window 2^15',
      ),
    ],
    [
      'MUST',
      'server',
      'and so does a server',
      kept(
        [ANSWER, INFLATER],
        `${NEGOTIATION}: answers permessage-deflate`,
        'client/compression: client and server, with takeover, window 2^15',
      ),
    ],
    [
      'MUST',
      'client',
      'what a client compresses with is what was agreed, whatever it had offered',
      kept(
        ACCEPT,
        `${NEGOTIATION}: "clientMaxWindowBits":11} accepts permessage-deflate; server_max_window_bits=9; client_max_window_bits="10"`,
        `${NEGOTIATION}: "clientMaxWindowBits":11} accepts permessage-deflate; server_max_window_bits=10; client_max_window_bits=12`,
        EACH_OTHER,
      ),
    ],
  ),
  ...section('7.3', [
    'SHOULD',
    'both',
    'a window has 1,024 bytes at least, or compression is of little use',
    kept(
      'protocol/deflate/parameters.ts#MAX_WINDOW_BITS',
      `${NEGOTIATION}: offers permessage-deflate; client_max_window_bits`,
      `${NEGOTIATION}: answers permessage-deflate; client_max_window_bits`,
    ),
  ]),
];
