import { kept, live, notOurs, type Rule, section } from './rule.ts';

const URL_READER = 'protocol/handshake/destination.ts#readDestination';
const IDN = 'protocol/handshake/destination: CC-02 §3 ws://bücher.example/ü';
const KEYS = 'client/turns: masking keys are consecutive random 4-byte values';
const SERVER = 'protocol/handshake/server.ts#readUpgradeRequest';
const ANSWER = 'protocol/handshake/answer.ts#renderUpgrade';
const EXTENSIONS = 'protocol/handshake/extension-list.ts#ExtensionReader';
const ORIGIN = 'server/admission/policies.ts#origin';

/** §9 to §11: extensions, security, fields. */
export const AROUND: readonly Rule[] = [
  ...section(
    '9',
    [
      'MUST NOT',
      'server',
      'The server uses no extension that the client did not request',
      kept(ANSWER, live('4.2.2-6')),
    ],
    [
      'MUST',
      'both',
      'Extension parameters are those that the extension defines',
      kept(
        'protocol/deflate/parameters.ts#readParameters',
        'protocol/deflate/negotiation: the offer is declined and the connection goes on: permessage-deflate; foo',
      ),
    ],
  ),
  ...section(
    '9.1',
    [
      'MUST',
      'both',
      'An extension list that violates the grammar fails the connection',
      kept(EXTENSIONS, live('9.1-1'), 'protocol/handshake/server: second field malformed'),
    ],
    [
      'MUST',
      'both',
      'A quoted parameter is a token without its quotes',
      kept(EXTENSIONS, 'protocol/handshake/extension-list: §9.1 refuses "a;b=\\"c d\\""'),
    ],
    [
      'MUST',
      'both',
      'Extension names are registered, and the extension defines its parameters',
      kept(
        'protocol/deflate/parameters.ts#EXTENSION_NAME',
        'client/compression: PD-10 by default a client offers no extension',
        'protocol/deflate/negotiation: PD-02 PD-03',
      ),
      2,
    ],
    [
      'MUST NOT',
      'client',
      'The client uses an extension only after the server has accepted it',
      kept('protocol/frame-header.ts#ERR_RSV', 'protocol/connection: client: FP-04 rsv1 on opcode 1'),
    ],
  ),
  ...section(
    '10.2',
    [
      'SHOULD',
      'server',
      'A server for certain sites checks Origin',
      kept(ORIGIN, 'server/admission/policies: same-origin: scheme, host and port', live('4.2.2-3')),
    ],
    [
      'SHOULD',
      'server',
      'An unacceptable origin gets 403',
      kept('server/admission/policies.ts#ERR_ORIGIN', live('4.2.2-3')),
    ],
  ),
  ...section('10.3', [
    'MUST',
    'client',
    'Each frame has a new masking key that the application cannot predict',
    kept('client/key-pool.ts#KeyPool', KEYS),
  ]),
  ...section(
    '10.4',
    [
      'MUST',
      'both',
      'An endpoint protects itself against frames and messages that exceed its limits',
      kept(
        'protocol/frame-header.ts#checkLimits',
        live('10.4-1'),
        'protocol/connection: FP-07 SE-13 announced',
        'protocol/connection-memory: a frame header allocates no memory for its payload',
      ),
    ],
    [
      'SHOULD',
      'both',
      'An endpoint limits the size of frames and of fragmented messages',
      kept(
        ['protocol/frame-header.ts#checkLimits', 'protocol/frame-header.ts#ERR_TOO_MANY_FRAGMENTS'],
        'protocol/connection: FR-05 FP-08 SE-15',
        'protocol/connection: FR-06 SE-14 one fragment over the limit',
      ),
    ],
  ),
  ...section(
    '10.6',
    [
      'MUST',
      'both',
      'An endpoint supports TLS',
      kept(
        'server/opening/tls-server.ts#createServer',
        'server/opening/tls: wss on a port of its own',
        'server/opening/tls: attached to an https server',
      ),
    ],
    [
      'SHOULD',
      'both',
      'An endpoint uses TLS',
      notOurs(
        'each deployment decides; docs/security.md advises wss:// everywhere except on your own machine',
      ),
    ],
  ),
  ...section(
    '10.7',
    [
      'MUST',
      'both',
      'An endpoint always validates incoming data',
      kept(
        ['protocol/frame-header.ts#read', SERVER],
        live('10.7-1'),
        'fuzz: any bytes give a head or one typed refusal',
        'fuzz: parser and assembly agree with a naive model',
      ),
    ],
    [
      'SHOULD',
      'both',
      'After the handshake, invalid data is answered with a Close that has a suitable code',
      kept(
        'protocol/connection.ts#fail',
        live('10.7-1'),
        'protocol/connection-commands: a failure sends Close at once, with the code and reason of the rule',
      ),
    ],
    [
      'SHOULD',
      'server',
      'Invalid data in the handshake gets a suitable HTTP status',
      kept(
        'protocol/handshake/answer.ts#renderRefusal',
        live('4.1-1'),
        'protocol/handshake/answer: refusal with ERR_HEAD_SYNTAX',
      ),
    ],
  ),
  ...section(
    '11.1.1',
    [
      'MUST',
      'client',
      'Non-ASCII characters of the host are converted by the rules of IDN',
      kept(URL_READER, IDN),
    ],
    ['MUST', 'client', 'Non-ASCII characters elsewhere are percent-encoded UTF-8', kept(URL_READER, IDN)],
  ),
  ...section(
    '11.1.2',
    ['MUST', 'client', 'The same for wss URIs: IDN', kept(URL_READER, IDN)],
    ['MUST', 'client', 'The same for wss URIs: percent-encoding', kept(URL_READER, IDN)],
  ),
  ...section('11.3.1', [
    'MUST NOT',
    'client',
    'A request has one Sec-WebSocket-Key; two are refused',
    kept(SERVER, live('11.3.1-1'), 'protocol/handshake/server: two keys: ERR_KEY'),
  ]),
  ...section('11.3.2', [
    'MUST NOT',
    'server',
    'A response has at most one Sec-WebSocket-Extensions',
    kept(ANSWER, live('11.3.2-1'), 'protocol/handshake/answer: subprotocol, extensions, then the headers'),
  ]),
  ...section('11.3.3', [
    'MUST NOT',
    'server',
    'A response has one Sec-WebSocket-Accept',
    kept(
      [ANSWER, 'protocol/handshake/server.ts#checkHookHeaders'],
      'protocol/handshake/answer: the smallest 101 response, byte for byte',
      'protocol/handshake/server: the hook cannot set ["Sec-WebSocket-Accept","x"]',
    ),
  ]),
  ...section('11.3.4', [
    'MUST NOT',
    'server',
    'A response has at most one Sec-WebSocket-Protocol',
    kept(
      [ANSWER, 'protocol/handshake/server.ts#checkHookHeaders'],
      live('11.3.4-1'),
      'protocol/handshake/server: the hook cannot set ["sec-websocket-protocol","x"]',
    ),
  ]),
  ...section('11.3.5', [
    'MUST NOT',
    'client',
    'A request has one Sec-WebSocket-Version; two are refused',
    kept(SERVER, live('11.3.5-1'), 'protocol/handshake/server: two versions: ERR_VERSION_MISSING'),
  ]),
];
