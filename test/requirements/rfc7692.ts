import { kept, notOurs, type Rule, section } from './rule.ts';

const READ = 'protocol/deflate/parameters.ts#readParameters';
const ANSWER = 'protocol/deflate/answer.ts#answerDeflate';
const OFFER = 'protocol/deflate/offer.ts#offerDeflate';
const ACCEPT = 'protocol/deflate/offer.ts#acceptDeflateAnswer';
const AGREED = 'protocol/deflate/parameters.ts#agreement';
const INFLATER = 'engine/zlib/message-inflater.ts#MessageInflater';
const SENDER = 'protocol/deflate/per-message-deflate.ts#PerMessageDeflate';
const NEGOTIATION = 'protocol/deflate/negotiation';
const RECEIVING = 'protocol/deflate/receiving';
const SENDING = 'connection/compressed-sending';
const declined = (offer: string): string =>
  `${NEGOTIATION}: the offer is declined and the connection goes on: ${offer}`;
const refused = (answer: string): string => `${NEGOTIATION}: is answered ${answer}`;
const fails = (answer: string): string =>
  `client/compression: the handshake fails if the server answers ${answer}`;
const MESSAGES = 'connection/compressed-receiving: compressed and uncompressed messages arrive in order';
const BOTH_SIDES = 'client/compression: both ends receive the messages of the other';
const PEERS = 'interop/other-servers: a Hawser client and Python';
const FRAGMENTS = 'ws/fragments: only the first of several fragments has RSV1';
/** Every offer of the client with every answer of the server. */
const EACH_OTHER = `${NEGOTIATION}: our client accepts the answer of our server`;

/** RFC 7692: the framework (§4 to §6) and permessage-deflate (§7). */
export const COMPRESSION: readonly Rule[] = [
  ...section(
    '4',
    [
      'MUST',
      'other',
      'An extension of the framework defines its name, its parameters and its transformation',
      notOurs('binds authors of other extensions; permessage-deflate is the only extension of Hawser'),
    ],
    [
      'MUST',
      'both',
      'The header field has the name and the parameters that the extension defines',
      kept([OFFER, ANSWER], `${NEGOTIATION}: offers permessage-deflate`, EACH_OTHER),
    ],
  ),
  ...section(
    '5',
    [
      'MUST',
      'client',
      'An offer names the extension in Sec-WebSocket-Extensions',
      kept(
        OFFER,
        'client/compression: client and server, with takeover, window 2^15',
        'client/compression: PD-10 by default a client offers no extension',
      ),
    ],
    [
      'MUST',
      'client',
      'A client that uses a smaller window states it in its offer',
      kept(
        OFFER,
        `${NEGOTIATION}: offers permessage-deflate; server_max_window_bits=10`,
        'client/compression: client and server, with takeover, window 2^9',
      ),
    ],
    [
      'MUST',
      'server',
      'A server that accepts an offer names the extension in the response',
      kept(ANSWER, `${NEGOTIATION}: PD-02 PD-03`),
    ],
    [
      'MUST',
      'server',
      'The accepted offer is one that the server supports fully',
      kept(
        ANSWER,
        declined('permessage-deflate; server_max_window_bits=8'),
        'client/compression: client and server, without takeover, window 2^9',
      ),
    ],
    [
      'MUST NOT',
      'server',
      'The server accepts no second extension that uses RSV1',
      kept(ANSWER, `${NEGOTIATION}: answers foo, permessage-deflate; bar, permessage-deflate`),
    ],
    [
      'MUST',
      'client',
      'A response with two extensions that use RSV1 fails the connection',
      kept(
        ACCEPT,
        refused('permessage-deflate, permessage-deflate'),
        fails('permessage-deflate; server_no_context_takeover, permessage-deflate'),
      ),
    ],
    [
      'MUST NOT',
      'server',
      'After permessage-deflate the server accepts no extension that depends on frame boundaries or frame attributes',
      kept(ANSWER, `${NEGOTIATION}: answers foo, permessage-deflate; bar, permessage-deflate`),
    ],
    [
      'MUST',
      'client',
      'A response with such an extension after permessage-deflate fails the connection',
      kept(ACCEPT, refused('permessage-deflate, foo')),
    ],
    [
      'MUST NOT',
      'server',
      'A server that declines every offer names no extension in the response',
      kept(ANSWER, declined('permessage-deflate; foo'), declined('x-webkit-deflate-frame')),
    ],
    [
      'MUST',
      'client',
      'A response that is invalid or was not offered fails the connection',
      kept(
        ACCEPT,
        'client/compression: the handshake fails if the server selects permessage-deflate that was not offered',
        fails('x-webkit-deflate-frame'),
      ),
    ],
    [
      'MUST',
      'both',
      'Both ends use exactly the negotiated configuration',
      kept(AGREED, BOTH_SIDES, `${SENDING}: without a negotiated extension nothing is compressed`),
    ],
  ),
  ...section(
    '6.1',
    [
      'MUST',
      'both',
      'A message is compressed as a whole, with RSV1 set on its first frame',
      kept(SENDER, `${SENDING}: messages are compressed from the threshold in bytes on`, BOTH_SIDES),
    ],
    [
      'MUST',
      'both',
      'An uncompressed message is sent unchanged, without RSV1',
      kept(
        SENDER,
        `${SENDING}: without takeover, a message that does not get smaller is sent uncompressed`,
        `${SENDING}: messages are compressed from the threshold in bytes on`,
      ),
    ],
    [
      'MUST NOT',
      'both',
      'RSV1 is not set on control frames and on later fragments',
      kept(SENDER, BOTH_SIDES, PEERS, FRAGMENTS),
    ],
    [
      'MUST',
      'both',
      'RSV1 on such a frame fails the connection',
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
      'The payloads of a message with RSV1 are joined and inflated',
      kept(INFLATER, MESSAGES, `${RECEIVING}: PD-04 empty fragments before, between and after`),
    ],
    ['MUST', 'both', 'A message without RSV1 is delivered unchanged', kept(INFLATER, MESSAGES)],
  ),
  ...section(
    '7',
    [
      'MUST',
      'server',
      'The server declines an offer with an unknown, invalid or repeated parameter, or with an unsupported configuration',
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
      'A response fails the connection for the same four reasons',
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
    'A server supports server_no_context_takeover in an offer',
    kept(ANSWER, `${NEGOTIATION}: answers permessage-deflate; server_no_context_takeover`),
  ]),
  ...section('7.1.1.2', [
    'MUST',
    'client',
    'A client supports client_no_context_takeover in a response',
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
      'server_max_window_bits of an offer is a number from 8 to 15 without leading zeros',
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
      'server_max_window_bits of a response is such a number, at most that of the offer',
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
      'client_max_window_bits of an offer has no value or such a number',
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
      'client_max_window_bits of a response is such a number',
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
      'client_max_window_bits is in the response only if it was in the offer',
      kept(ANSWER, `${NEGOTIATION}: "clientMaxWindowBits":11} answers permessage-deflate`),
    ],
  ),
  ...section(
    '7.2.1',
    [
      'MUST',
      'both',
      'A final block is padded to a whole byte',
      notOurs(
        'Hawser sends no final block: it flushes zlib with Z_SYNC_FLUSH, which ends a message with an empty block that is not final',
      ),
    ],
    [
      'MUST NOT',
      'both',
      'Trailing bytes are not removed from fragments before the last one',
      kept('engine/zlib/deflater.ts#Deflater', FRAGMENTS),
    ],
    [
      'MUST NOT',
      'both',
      'The window is at most 2^15 bytes',
      kept('protocol/deflate/parameters.ts#MAX_WINDOW_BITS', `${SENDING}: within 2^15 bytes`),
    ],
    [
      'MUST',
      'client',
      'Without context takeover each message of a client starts with an empty window',
      kept(SENDER, 'client/compression: client and server, without takeover'),
    ],
    [
      'MUST',
      'server',
      'Without context takeover each message of a server starts with an empty window',
      kept(
        SENDER,
        'client/compression: client and server, without takeover',
        `${SENDING}: with takeover, the message after a shared one refers to no earlier message`,
      ),
    ],
    [
      'MUST NOT',
      'client',
      'The window of a client is not larger than negotiated',
      kept(
        AGREED,
        'client/compression: window 2^9',
        'client/compression: a client that is limited to a window of 2^8 bytes',
      ),
    ],
    [
      'MUST NOT',
      'server',
      'The window of a server is not larger than negotiated',
      kept(AGREED, `${SENDING}: within 2^9 bytes`, 'client/compression: window 2^9'),
    ],
  ),
  ...section(
    '7.2.2',
    [
      'MUST',
      'client',
      'The client keeps the window of the previous message to inflate the next, unless the server negotiated no context takeover',
      kept(
        INFLATER,
        `${RECEIVING}: client, with takeover: RFC 7692 §7.2.3.2 Hello twice`,
        `${RECEIVING}: client, with takeover: RFC 7692 §7.2.3.2 the window skips uncompressed messages`,
      ),
    ],
    [
      'MUST',
      'server',
      'The server keeps the window of the previous message, unless client_no_context_takeover was negotiated; a hint in the offer is not enough',
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
      'Without a negotiated size a client inflates with a window of 2^15 bytes',
      kept(
        [ACCEPT, INFLATER],
        `${NEGOTIATION}: accepts permessage-deflate`,
        'client/compression: client and server, with takeover, window 2^15',
      ),
    ],
    [
      'MUST',
      'server',
      'Without a negotiated size a server inflates with a window of 2^15 bytes',
      kept(
        [ANSWER, INFLATER],
        `${NEGOTIATION}: answers permessage-deflate`,
        'client/compression: client and server, with takeover, window 2^15',
      ),
    ],
    [
      'MUST',
      'client',
      'A client compresses with the negotiated window, whatever it offered',
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
    'A window has at least 1,024 bytes; with less, compression is of little use',
    kept(
      'protocol/deflate/parameters.ts#MAX_WINDOW_BITS',
      `${NEGOTIATION}: offers permessage-deflate; client_max_window_bits`,
      `${NEGOTIATION}: answers permessage-deflate; client_max_window_bits`,
    ),
  ]),
];
