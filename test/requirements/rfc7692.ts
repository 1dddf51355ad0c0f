import { kept, type Rule, section } from './rule.ts';

const READ = 'protocol/deflate/parameters.ts#readParameters';
const ANSWER = 'protocol/deflate/answer.ts#answerDeflate';
const ACCEPT = 'protocol/deflate/offer.ts#acceptDeflateAnswer';
const INFLATER = 'transport/deflate/message-inflater.ts#MessageInflater';
const SENDER = 'transport/deflate/compressing-outbox.ts#CompressingOutbox';
const declined = (offer: string): string =>
  `protocol/deflate/negotiation: declined, and the connection goes on: ${offer}`;
const fails = (answer: string): string => `client/compression: the handshake fails with the answer ${answer}`;
const MESSAGES = 'connection/compressed-receiving: messages, compressed or not, arrive in order';
const BOTH_SIDES = 'client/compression: both hear what the other says';
const PEERS = 'interop/other-servers: our client and Python';

/** RFC 7692: the framework (§5, §6) and permessage-deflate (§7). */
export const COMPRESSION: readonly Rule[] = [
  ...section(
    '5',
    [
      'MUST',
      'client',
      'an offer names the extension in Sec-WebSocket-Extensions',
      kept(
        'protocol/deflate/offer.ts#offerDeflate',
        'client/compression: client and server, with takeover, window 2^15',
        'client/compression: PD-10 a client that is not told to offers nothing',
      ),
    ],
    [
      'MUST',
      'server',
      'an acceptance names the extension in the response',
      kept(ANSWER, 'protocol/deflate/negotiation: PD-02 PD-03'),
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
      kept(
        'protocol/deflate/parameters.ts#agreement',
        BOTH_SIDES,
        'connection/compressed-sending: without agreement nothing is compressed',
      ),
    ],
  ),
  ...section(
    '6',
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
    [
      'MUST',
      'both',
      'the bit without an agreement fails the connection',
      kept(
        'protocol/frame-header.ts#ERR_RSV',
        'protocol/connection: SE-21 the RFC 7692 frame of a compressed Hello, nothing negotiated',
      ),
    ],
  ),
  ...section('6.1', [
    'MUST',
    'both',
    'a message is compressed whole, and the bit set on its first frame',
    kept(SENDER, 'connection/compressed-sending: messages are compressed from the threshold on', BOTH_SIDES),
  ]),
  ...section('6.2', [
    'MUST',
    'both',
    'of a message with the bit the payloads are joined and inflated; without it nothing is',
    kept(INFLATER, MESSAGES, 'protocol/deflate/receiving: PD-04 empty fragments before, between and after'),
  ]),
  ...section(
    '7.1',
    [
      'MUST',
      'server',
      'an offer is declined that has a parameter not defined for offers',
      kept(READ, declined('permessage-deflate; foo'), declined('permessage-deflate; __proto__')),
    ],
    [
      'MUST',
      'server',
      'or a parameter with a wrong value',
      kept(
        READ,
        declined('permessage-deflate; server_max_window_bits=7'),
        declined('permessage-deflate; client_max_window_bits=08'),
      ),
    ],
    [
      'MUST',
      'server',
      'or a parameter twice',
      kept(READ, declined('permessage-deflate; server_no_context_takeover; server_no_context_takeover')),
    ],
    [
      'MUST',
      'server',
      'or a configuration that is not supported',
      kept(ANSWER, declined('permessage-deflate; server_max_window_bits=8')),
    ],
    [
      'MUST',
      'client',
      'a response fails the connection that has a parameter not defined for responses',
      kept(ACCEPT, fails('permessage-deflate; server_no_context_takeover; foo')),
    ],
    [
      'MUST',
      'client',
      'or in the response a wrong value',
      kept(ACCEPT, fails('permessage-deflate; server_no_context_takeover; server_max_window_bits=16')),
    ],
    [
      'MUST',
      'client',
      'or in the response a parameter twice',
      kept(ACCEPT, fails('permessage-deflate; server_no_context_takeover; server_no_context_takeover')),
    ],
    [
      'MUST',
      'client',
      'or in the response a configuration that is not supported',
      kept(ACCEPT, fails('permessage-deflate')),
    ],
  ),
  ...section('7.1.1.1', [
    'SHOULD',
    'server',
    'server_no_context_takeover in an offer is supported',
    kept(ANSWER, 'protocol/deflate/negotiation: answers permessage-deflate; server_no_context_takeover'),
  ]),
  ...section('7.1.1.2', [
    'SHOULD',
    'client',
    'client_no_context_takeover in a response is supported',
    kept(ACCEPT, 'client/compression: client and server, without takeover'),
  ]),
  ...section(
    '7.1.2.1',
    [
      'MUST',
      'both',
      'server_max_window_bits is a number from 8 to 15 without leading zeros',
      kept(
        READ,
        declined('permessage-deflate; server_max_window_bits=7'),
        declined('permessage-deflate; server_max_window_bits=16'),
        declined('permessage-deflate; server_max_window_bits=015'),
      ),
    ],
    [
      'MUST',
      'server',
      'the response has the same or a smaller number',
      kept(ANSWER, 'protocol/deflate/negotiation: answers permessage-deflate; server_max_window_bits=13'),
    ],
  ),
  ...section(
    '7.1.2.2',
    [
      'MUST',
      'both',
      'client_max_window_bits, where it has a value, is a number from 8 to 15 without leading zeros',
      kept(
        READ,
        declined('permessage-deflate; client_max_window_bits=7'),
        declined('permessage-deflate; client_max_window_bits=16'),
        declined('permessage-deflate; client_max_window_bits=015'),
      ),
    ],
    [
      'MUST NOT',
      'server',
      'without it in the offer it is not in the response',
      kept(ANSWER, 'protocol/deflate/negotiation: "clientMaxWindowBits":11} answers permessage-deflate'),
    ],
  ),
  ...section(
    '7.2.1',
    [
      'MUST NOT',
      'both',
      'the window is at most 2^15 bytes',
      kept(
        'protocol/deflate/parameters.ts#MAX_WINDOW_BITS',
        'connection/compressed-sending: within 2^15 bytes',
      ),
    ],
    [
      'MUST',
      'both',
      'the empty block at the end goes without its last four bytes',
      kept(SENDER, BOTH_SIDES, PEERS),
    ],
    [
      'MUST',
      'both',
      'without context takeover each message begins with an empty window, on either side',
      kept(
        SENDER,
        'client/compression: client and server, without takeover',
        'connection/compressed-sending: with takeover a shared message is followed by one that refers to nothing',
      ),
      2,
    ],
    [
      'MUST NOT',
      'both',
      'with an agreed number of bits the window is no larger, on either side',
      kept(
        'protocol/deflate/parameters.ts#agreement',
        'connection/compressed-sending: within 2^9 bytes',
        'client/compression: window 2^9',
      ),
      2,
    ],
  ),
  ...section(
    '7.2.2',
    [
      'MUST',
      'both',
      'four bytes are appended, and the whole is inflated',
      kept(
        INFLATER,
        'protocol/deflate/receiving: TS-04',
        'connection/compressed-receiving: SE-21 garbage behind a whole message',
      ),
    ],
    [
      'MUST',
      'both',
      'unless the peer gave up takeover, its last window is kept for its next message, on either side',
      kept(
        'protocol/deflate/parameters.ts#DeflateDirection',
        'connection/compressed-receiving: with takeover: messages, compressed or not, arrive in order',
        'client/compression: client and server, with takeover',
      ),
      2,
    ],
  ),
];
