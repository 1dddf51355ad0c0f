import { kept, live, notOurs, type Rule, section } from './rule.ts';

const URL_READER = 'protocol/handshake/destination.ts#readDestination';
const REQUEST = 'protocol/handshake/client.ts#renderUpgradeRequest';
const JUDGE = 'protocol/handshake/client.ts#judgeUpgrade';
const CONNECTING = 'client/connecting.ts#Connecting';
const THE_REQUEST = 'protocol/handshake/client: the request of the RFC';
const refused = (what: string): string =>
  `protocol/handshake/client: §4.1 CC-04 the client refuses a response: ${what}`;
const IDN = 'protocol/handshake/destination: CC-02 §3 ws://bücher.example/ü';
const KEYS = 'client/turns: keys come from the source of chance';
const PROXIES = notOurs('there is no proxy support in this version');
const HEAD = 'protocol/handshake/http-head.ts#HeadParser';
const SERVER = 'protocol/handshake/server.ts#readUpgradeRequest';
const ANSWER = 'protocol/handshake/answer.ts#renderUpgrade';
const EXTENSIONS = 'protocol/handshake/extension-list.ts#ExtensionReader';
const ORIGIN = 'server/admission/policies.ts#origin';

/** §3, §4: from the URI to the answer of the server. */
export const OPENING: readonly Rule[] = [
  ...section(
    '3',
    [
      'MUST NOT',
      'client',
      'a WebSocket URI has no fragment',
      kept(
        URL_READER,
        'protocol/handshake/destination: refused: a fragment',
        'protocol/handshake/destination: refused: an empty fragment',
      ),
    ],
    [
      'MUST',
      'client',
      'a "#" that begins no fragment is written %23',
      notOurs(
        'whoever writes the URI knows which of the two is meant; here every bare one begins a fragment',
      ),
    ],
  ),
  ...section(
    '4.1',
    [
      'MUST',
      'client',
      'open a connection, send the handshake, read the answer',
      kept(CONNECTING, 'client/connect: the client talks to the server'),
    ],
    [
      'MUST',
      'client',
      'host, port, resource name and secure flag are those of a valid WebSocket URI; if not, fail',
      kept(
        URL_READER,
        'protocol/handshake/destination: CC-02 §3 ws://example.com:80/a',
        'protocol/handshake/destination: refused: another scheme',
      ),
      2,
    ],
    [
      'MUST',
      'client',
      'one connection at a time is being opened to one address; others wait for it',
      kept(
        'client/turns.ts#Turn',
        'client/turns: one at a time for each address',
        'client/failures: one connection at a time connects to an address',
      ),
      3,
    ],
    [
      'MUST',
      'client',
      'without knowing addresses, each host name counts as a host of its own',
      notOurs('addresses are always known: names are resolved before a turn is taken'),
    ],
    [
      'SHOULD',
      'client',
      'then the number of pending connections is limited',
      notOurs('addresses are always known: names are resolved before a turn is taken'),
    ],
    ['SHOULD', 'client', 'a configured proxy is asked to open the connection', PROXIES],
    [
      'SHOULD',
      'client',
      'without a proxy the connection is direct',
      kept('sockets/dial.ts#Dial', 'client/connect: the client talks to the server'),
    ],
    ['MUST', 'client', 'proxy autoconfiguration is asked for the WebSocket URI', PROXIES],
    [
      'MUST',
      'client',
      'a connection that cannot be opened fails',
      kept(CONNECTING, 'client/failures: ERR_CONNECT: a port that is closed'),
    ],
    [
      'MUST',
      'client',
      'wss: TLS comes first; if it fails, so does the connection; everything runs through it',
      kept(
        'sockets/dial.ts#connectTls',
        'client/connect: wss with a certificate of our own',
        'client/connect: a certificate for another name',
      ),
      3,
    ],
    [
      'MUST',
      'client',
      'TLS names the server (SNI)',
      kept('sockets/dial.ts#servername', 'client/connect: TLS names the server (SNI)'),
    ],
    [
      'MUST',
      'client',
      'then the opening handshake is sent',
      kept([CONNECTING, REQUEST], 'client/connect: protocols, headers and origin reach the server'),
    ],
    [
      'MUST',
      'client',
      'it is a valid HTTP request, a GET, of HTTP/1.1 at least',
      kept(REQUEST, THE_REQUEST),
      3,
    ],
    [
      'MUST',
      'client',
      'its target is the resource name of the URI',
      kept([REQUEST, URL_READER], THE_REQUEST, 'protocol/handshake/destination: CC-02 §3 WS://EXAMPLE.com'),
    ],
    [
      'MUST',
      'client',
      'it has Host, with the port unless that is the default',
      kept(
        [REQUEST, URL_READER],
        THE_REQUEST,
        'protocol/handshake/destination: CC-02 §3 wss://example.com:443',
        'protocol/handshake/destination: CC-02 §3 wss://example.com:80',
      ),
    ],
    ['MUST', 'client', 'it has Upgrade with websocket', kept(REQUEST, THE_REQUEST), 2],
    ['MUST', 'client', 'it has Connection with Upgrade', kept(REQUEST, THE_REQUEST), 2],
    [
      'MUST',
      'client',
      'it has a key of 16 random bytes in base64, new for each connection',
      kept(
        'protocol/handshake/client.ts#makeKey',
        'protocol/handshake/client: the key is 16 bytes in base64',
        'client/connect: each connection has a key of its own',
      ),
      3,
    ],
    [
      'MUST',
      'client',
      'a browser sends Origin',
      notOurs('this is no browser; an application may set the field'),
    ],
    ['MUST', 'client', 'it has version 13', kept(REQUEST, THE_REQUEST), 2],
    [
      'MUST',
      'client',
      'subprotocols are tokens, each offered once',
      kept(
        'options/resolve-connect-options.ts#protocols',
        'options/connect-options: CC-03 protocols: accepts valid values and refuses others',
      ),
      2,
    ],
    [
      'MUST',
      'client',
      'nothing is sent before the answer',
      kept(CONNECTING, 'client/connect: nothing follows the request until the answer is there'),
    ],
    [
      'MUST',
      'client',
      'the answer is checked',
      kept(JUDGE, 'protocol/handshake/client: correct responses open the connection'),
    ],
    [
      'MUST',
      'client',
      'no Upgrade, or another than websocket: fail',
      kept(JUDGE, refused('no Upgrade'), refused('another Upgrade')),
    ],
    [
      'MUST',
      'client',
      'no Connection with upgrade: fail',
      kept(JUDGE, refused('no Connection'), refused('Connection without upgrade')),
    ],
    [
      'MUST',
      'client',
      'no accept value, or a wrong one: fail',
      kept(JUDGE, refused('no accept value'), refused('a wrong accept value')),
    ],
    ['MUST', 'client', 'an extension that was not offered: fail', kept(JUDGE, refused('an extension'))],
    [
      'MUST',
      'client',
      'a subprotocol that was not offered: fail',
      kept(JUDGE, refused('a subprotocol that was not requested')),
    ],
    [
      'MUST',
      'client',
      'an answer that breaks §4.1 or §4.2.2 otherwise: fail',
      kept(
        [JUDGE, 'protocol/handshake/response-head.ts#ResponseHeadParser'],
        refused('two subprotocols'),
        'protocol/handshake/response-head: no HTTP is refused',
      ),
    ],
  ),
  ...section(
    '4.2.1',
    [
      'MUST',
      'server',
      'a request that is no proper handshake, in grammar or content, gets an HTTP error',
      kept(
        [HEAD, SERVER],
        live('4.1-1'),
        live('4.2.1-1'),
        live('4.2.1-2'),
        live('4.2.1-3'),
        live('4.2.1-4'),
        live('4.2.1-5'),
        'protocol/handshake/server: §4.2.1(',
        'protocol/handshake/http-head: a malformed head is refused at the first byte that proves it',
      ),
    ],
    [
      'SHOULD NOT',
      'server',
      'a request without Origin is not taken for one of a browser',
      kept(
        'server/admission/policies.ts#requireOrigin',
        'server/admission/origin-policies: a missing Origin passes unless requireOrigin is on',
      ),
    ],
  ),
  ...section(
    '4.2.2',
    [
      'MUST',
      'server',
      'the steps below are completed before the connection is open',
      kept('server/opening/handshake.ts#Handshake', live('4.2.2-7')),
    ],
    [
      'MUST',
      'server',
      'on a TLS port everything, the handshake too, runs through TLS',
      kept(
        'server/opening/tls-server.ts#createServer',
        'server/opening/tls: wss on a port of its own',
        'server/opening/tls: TLS that fails counts as refused',
      ),
    ],
    [
      'MUST',
      'server',
      'an origin that is not accepted gets an HTTP error',
      kept(ORIGIN, live('4.2.2-3'), 'interop/browsers: a page of another origin is refused'),
    ],
    [
      'MUST',
      'server',
      'another version gets an HTTP error that names ours',
      kept([SERVER, 'protocol/handshake/answer.ts#renderRefusal'], live('4.2.2-1')),
    ],
    [
      'MUST',
      'server',
      'a service that is not there gets an HTTP error',
      kept('server/admission/policies.ts#path', live('4.2.2-2')),
    ],
    [
      'MUST',
      'server',
      'the subprotocol is one of those offered',
      kept(
        'protocol/handshake/server.ts#selectProtocol',
        live('4.2.2-4'),
        'protocol/handshake/server: nothing that was not listed',
      ),
    ],
    [
      'MUST NOT',
      'server',
      'with none in common the field is left out',
      kept('protocol/handshake/server.ts#selectProtocol', live('4.2.2-5')),
    ],
    ['MUST', 'server', 'extensions are chosen from those offered', kept(ANSWER, live('4.2.2-6'))],
    ['MUST NOT', 'server', 'an extension that was not offered is not named', kept(ANSWER, live('4.2.2-6'))],
    [
      'MUST',
      'server',
      'the answer is a valid 101 with Upgrade, Connection and the accept value',
      kept(
        [ANSWER, 'protocol/handshake/accept-key.ts#acceptValue'],
        live('4.2.2-7'),
        live('4.2.2-8'),
        'protocol/handshake/answer: the smallest 101 response, byte for byte',
      ),
    ],
  ),
  ...section('4.3', [
    'MUST',
    'both',
    'a quoted extension parameter is a token once its quotes are gone',
    kept(EXTENSIONS, live('9.1-1'), 'protocol/handshake/extension-list: §9.1 refuses "a;b=\\"c d\\""'),
  ]),
  ...section('4.4', [
    'MUST',
    'server',
    'the refusal of a version names all that are spoken',
    kept(
      'protocol/handshake/answer.ts#renderRefusal',
      live('4.4-1'),
      'protocol/handshake/server: §4.4 version 8',
    ),
  ]),
];

/** §9 to §11: extensions, security, fields. */
export const AROUND: readonly Rule[] = [
  ...section(
    '9',
    [
      'MUST NOT',
      'server',
      'no extension is used that the client did not ask for',
      kept(ANSWER, live('4.2.2-6')),
    ],
    [
      'MUST',
      'both',
      'parameters are those that the extension defines',
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
      'an extension list that breaks the grammar fails the connection',
      kept(EXTENSIONS, live('9.1-1'), 'protocol/handshake/server: second field malformed'),
    ],
    [
      'MUST',
      'both',
      'a quoted parameter is a token once its quotes are gone',
      kept(EXTENSIONS, 'protocol/handshake/extension-list: §9.1 refuses "a;b=\\"c d\\""'),
    ],
    [
      'MUST',
      'both',
      'extension names are registered, and their parameters defined',
      kept(
        'protocol/deflate/parameters.ts#EXTENSION_NAME',
        'client/compression: PD-10 a client that is not told to offers nothing',
        'protocol/deflate/negotiation: PD-02 PD-03',
      ),
      2,
    ],
    [
      'MUST NOT',
      'client',
      'an extension is used only once the server has agreed',
      kept('protocol/frame-header.ts#ERR_RSV', 'protocol/connection: client: FP-04 rsv1 on opcode 1'),
    ],
  ),
  ...section(
    '10.2',
    [
      'SHOULD',
      'server',
      'a server for certain sites checks Origin',
      kept(ORIGIN, 'server/admission/policies: same-origin: scheme, host and port', live('4.2.2-3')),
    ],
    [
      'SHOULD',
      'server',
      'an unacceptable origin gets 403',
      kept('server/admission/policies.ts#ERR_ORIGIN', live('4.2.2-3')),
    ],
  ),
  ...section('10.3', [
    'MUST',
    'client',
    'each frame has a new key that applications cannot predict',
    kept('client/key-pool.ts#KeyPool', KEYS),
  ]),
  ...section(
    '10.4',
    [
      'MUST',
      'both',
      'what would go over a limit of frame or message is not taken in',
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
      'there are limits on frames, and on messages in fragments',
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
      'TLS is supported',
      kept(
        'server/opening/tls-server.ts#createServer',
        'server/opening/tls: wss on a port of its own',
        'server/opening/tls: attached to an https server',
      ),
    ],
    [
      'SHOULD',
      'both',
      'TLS is used',
      notOurs('whether a deployment uses it is its own decision; the listening sentence says ws or wss'),
    ],
  ),
  ...section(
    '10.7',
    [
      'MUST',
      'both',
      'what comes in is always checked',
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
      'after the handshake bad data is answered with a Close that says why',
      kept(
        'protocol/connection.ts#fail',
        live('10.7-1'),
        'protocol/connection-commands: a failure sends Close at once, with the code and reason of the rule',
      ),
    ],
    [
      'SHOULD',
      'server',
      'bad data in the handshake gets an HTTP status that fits',
      kept(
        'protocol/handshake/answer.ts#renderRefusal',
        live('4.1-1'),
        'protocol/handshake/answer: refusal with ERR_HEAD_SYNTAX',
      ),
    ],
  ),
  ...section(
    '11.1.1',
    ['MUST', 'client', 'other characters of the host are converted as IDN says', kept(URL_READER, IDN)],
    ['MUST', 'client', 'other characters elsewhere are percent-encoded UTF-8', kept(URL_READER, IDN)],
  ),
  ...section(
    '11.1.2',
    ['MUST', 'client', 'for wss URIs, too: IDN', kept(URL_READER, IDN)],
    ['MUST', 'client', 'for wss URIs, too: percent-encoding', kept(URL_READER, IDN)],
  ),
  ...section('11.3.1', [
    'MUST NOT',
    'client',
    'a request has one key; a second is refused',
    kept(SERVER, live('11.3.1-1'), 'protocol/handshake/server: two keys: ERR_KEY'),
  ]),
  ...section('11.3.2', [
    'MUST NOT',
    'server',
    'a response has one Sec-WebSocket-Extensions at most',
    kept(ANSWER, live('11.3.2-1'), 'protocol/handshake/answer: subprotocol, extensions, then the headers'),
  ]),
  ...section('11.3.3', [
    'MUST NOT',
    'server',
    'a response has one Sec-WebSocket-Accept',
    kept(
      [ANSWER, 'protocol/handshake/server.ts#checkHookHeaders'],
      'protocol/handshake/answer: the smallest 101 response, byte for byte',
      'protocol/handshake/server: the hook cannot set ["Sec-WebSocket-Accept","x"]',
    ),
  ]),
  ...section('11.3.4', [
    'MUST NOT',
    'server',
    'a response has one Sec-WebSocket-Protocol at most',
    kept(
      [ANSWER, 'protocol/handshake/server.ts#checkHookHeaders'],
      live('11.3.4-1'),
      'protocol/handshake/server: the hook cannot set ["sec-websocket-protocol","x"]',
    ),
  ]),
  ...section('11.3.5', [
    'MUST NOT',
    'client',
    'a request has one version; a second is refused',
    kept(SERVER, live('11.3.5-1'), 'protocol/handshake/server: two versions: ERR_VERSION_MISSING'),
  ]),
];
