import { kept, live, notOurs, type Rule, section } from './rule.ts';

const URL_READER = 'protocol/handshake/destination.ts#readDestination';
const REQUEST = 'protocol/handshake/client.ts#renderUpgradeRequest';
const JUDGE = 'protocol/handshake/client.ts#judgeUpgrade';
const CONNECTING = 'client/connecting.ts#Connecting';
const THE_REQUEST = 'protocol/handshake/client: the request of the RFC';
const refused = (what: string): string =>
  `protocol/handshake/client: §4.1 CC-04 the client refuses a response: ${what}`;
const IDN = 'protocol/handshake/destination: CC-02 §3 ws://bücher.example/ü';
const KEYS = 'client/turns: masking keys are consecutive random 4-byte values';

const HEAD = 'protocol/handshake/http-head.ts#HeadParser';
const SERVER = 'protocol/handshake/server.ts#readUpgradeRequest';
const ANSWER = 'protocol/handshake/answer.ts#renderUpgrade';
const EXTENSIONS = 'protocol/handshake/extension-list.ts#ExtensionReader';
const ORIGIN = 'server/admission/policies.ts#origin';

/** §3, §4: from the URI to the response of the server. */
export const OPENING: readonly Rule[] = [
  ...section(
    '3',
    [
      'MUST NOT',
      'client',
      'A WebSocket URI has no fragment',
      kept(
        URL_READER,
        'protocol/handshake/destination: refused: a fragment',
        'protocol/handshake/destination: refused: an empty fragment',
      ),
    ],
    [
      'MUST',
      'client',
      'A "#" that does not start a fragment is written %23',
      notOurs(
        'the application writes the URI; Hawser treats every unescaped "#" as a fragment and refuses the URI',
      ),
    ],
  ),
  ...section(
    '4.1',
    [
      'MUST',
      'client',
      'The client opens a connection, sends its handshake and reads the response',
      kept(CONNECTING, 'client/connect: client and server exchange text and bytes'),
    ],
    [
      'MUST',
      'client',
      'Host, port, resource name and secure flag come from a valid WebSocket URI; an invalid one fails the connection',
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
      'Only one connection at a time to an address is in state CONNECTING; the others wait',
      kept(
        'client/turns.ts#Turn',
        'client/turns: one connection at a time per address',
        'client/failures: one connection at a time connects to an address',
      ),
      3,
    ],
    [
      'MUST',
      'client',
      'If the client does not know addresses, each host name counts as a separate host',
      kept(
        'client/route.ts#nameOf',
        'client/proxy: through a proxy, one connection at a time connects to each host name',
        'client/given-stream: createConnection is called for one connection at a time per host name',
      ),
    ],
    [
      'SHOULD',
      'client',
      'If the client does not know addresses, it limits the total number of pending connections',
      notOurs(
        'not kept through a proxy or `createConnection`: one connection at a time to each host name, but any number of host names; the application chooses them',
      ),
    ],
    [
      'SHOULD',
      'client',
      'With a configured proxy, the client asks the proxy to open the connection',
      kept(
        ['client/proxy-tunnel.ts#ProxyTunnel', 'options/read-proxy.ts#ProxySettings'],
        'client/proxy: ws through an http: proxy, without credentials',
        'client/proxy: wss through an https: proxy, with credentials',
        'interop/forward-proxies: through',
      ),
    ],
    [
      'SHOULD',
      'client',
      'Without a proxy the client connects directly',
      kept('sockets/dial.ts#Dial', 'client/connect: client and server exchange text and bytes'),
    ],
    [
      'MUST',
      'client',
      'A proxy autoconfiguration script gets the WebSocket URI',
      notOurs('Hawser runs no such script; the application chooses the proxy in the option `proxy`'),
    ],
    [
      'MUST',
      'client',
      'If the connection cannot be opened, connecting fails',
      kept(CONNECTING, 'client/failures: ERR_CONNECT: a closed port'),
    ],
    [
      'MUST',
      'client',
      'wss: the TLS handshake comes first, its failure fails the connection, and all data uses TLS',
      kept(
        'sockets/dial.ts#connectTls',
        'client/connect: wss accepts a certificate of tls.ca',
        'client/connect: a certificate for another name',
      ),
      3,
    ],
    [
      'MUST',
      'client',
      'The TLS handshake has the server name (SNI)',
      kept('sockets/dial.ts#servername', 'client/connect: TLS sends the server name (SNI)'),
    ],
    [
      'MUST',
      'client',
      'Then the client sends the opening handshake',
      kept([CONNECTING, REQUEST], 'client/connect: protocols, headers, origin and URL reach the server'),
    ],
    [
      'MUST',
      'client',
      'The handshake is a valid HTTP request with GET and HTTP/1.1 or higher',
      kept(REQUEST, THE_REQUEST),
      3,
    ],
    [
      'MUST',
      'client',
      'The request target is the resource name of the URI',
      kept([REQUEST, URL_READER], THE_REQUEST, 'protocol/handshake/destination: CC-02 §3 WS://EXAMPLE.com'),
    ],
    [
      'MUST',
      'client',
      'Host has the port unless it is the default port',
      kept(
        [REQUEST, URL_READER],
        THE_REQUEST,
        'protocol/handshake/destination: CC-02 §3 wss://example.com:443',
        'protocol/handshake/destination: CC-02 §3 wss://example.com:80',
      ),
    ],
    ['MUST', 'client', 'Upgrade contains websocket', kept(REQUEST, THE_REQUEST), 2],
    ['MUST', 'client', 'Connection contains Upgrade', kept(REQUEST, THE_REQUEST), 2],
    [
      'MUST',
      'client',
      'Sec-WebSocket-Key is 16 random bytes in base64, new for each connection',
      kept(
        'protocol/handshake/client.ts#makeKey',
        'protocol/handshake/client: the key is 16 bytes in base64',
        'client/connect: each connection has its own key',
      ),
      3,
    ],
    [
      'MUST',
      'client',
      'A browser sends Origin',
      notOurs('Hawser is not a browser; an application can set the field with the option `origin`'),
    ],
    ['MUST', 'client', 'Sec-WebSocket-Version is 13', kept(REQUEST, THE_REQUEST), 2],
    [
      'MUST',
      'client',
      'Offered subprotocols are unique tokens',
      kept(
        'options/resolve-connect-options.ts#protocols',
        'options/connect-options: CC-03 protocols: accepts valid values and refuses others',
      ),
      2,
    ],
    [
      'MUST',
      'client',
      'The client sends nothing else before the response',
      kept(CONNECTING, 'client/connect: the client sends nothing between request and response'),
    ],
    [
      'MUST',
      'client',
      'The client validates the response',
      kept(JUDGE, 'protocol/handshake/client: correct responses open the connection'),
    ],
    [
      'MUST',
      'client',
      'The connection fails if Upgrade is missing or not websocket',
      kept(JUDGE, refused('no Upgrade'), refused('another Upgrade')),
    ],
    [
      'MUST',
      'client',
      'The connection fails if Connection does not contain upgrade',
      kept(JUDGE, refused('no Connection'), refused('Connection without upgrade')),
    ],
    [
      'MUST',
      'client',
      'The connection fails if the accept value is missing or wrong',
      kept(JUDGE, refused('no accept value'), refused('a wrong accept value')),
    ],
    [
      'MUST',
      'client',
      'The connection fails if an extension was not offered',
      kept(JUDGE, refused('an extension')),
    ],
    [
      'MUST',
      'client',
      'The connection fails if the subprotocol was not offered',
      kept(JUDGE, refused('a subprotocol that was not requested')),
    ],
    [
      'MUST',
      'client',
      'The connection fails if the response violates §4.1 or §4.2.2 in another way',
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
      'A request that is not a valid handshake gets an HTTP error',
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
      'A request without Origin is not treated as one of a browser',
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
      'The server completes the steps below before the connection is open',
      kept('server/opening/handshake.ts#Handshake', live('4.2.2-7')),
    ],
    [
      'MUST',
      'server',
      'On a TLS port all data, including the opening handshake, uses TLS',
      kept(
        'server/opening/tls-server.ts#createServer',
        'server/opening/tls: wss on a port of its own',
        'server/opening/tls: TLS that fails counts as refused',
      ),
    ],
    [
      'MUST',
      'server',
      'An unacceptable origin gets an HTTP error',
      kept(ORIGIN, live('4.2.2-3'), 'interop/browsers: a page of another origin is refused'),
    ],
    [
      'MUST',
      'server',
      'Another version gets an HTTP error with the supported version',
      kept([SERVER, 'protocol/handshake/answer.ts#renderRefusal'], live('4.2.2-1')),
    ],
    [
      'MUST',
      'server',
      'An unavailable service gets an HTTP error',
      kept('server/admission/policies.ts#path', live('4.2.2-2')),
    ],
    [
      'MUST',
      'server',
      'The server selects a subprotocol that was offered',
      kept(
        'protocol/handshake/server.ts#selectProtocol',
        live('4.2.2-4'),
        'protocol/handshake/server: nothing that was not listed',
      ),
    ],
    [
      'MUST NOT',
      'server',
      'Without a common subprotocol the response has no Sec-WebSocket-Protocol',
      kept('protocol/handshake/server.ts#selectProtocol', live('4.2.2-5')),
    ],
    ['MUST', 'server', 'The server selects extensions that were offered', kept(ANSWER, live('4.2.2-6'))],
    [
      'MUST NOT',
      'server',
      'The response names no extension that was not offered',
      kept(ANSWER, live('4.2.2-6')),
    ],
    [
      'MUST',
      'server',
      'The response is a valid 101 with Upgrade, Connection and the accept value',
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
    'A quoted extension parameter is a token without its quotes',
    kept(EXTENSIONS, live('9.1-1'), 'protocol/handshake/extension-list: §9.1 refuses "a;b=\\"c d\\""'),
  ]),
  ...section('4.4', [
    'MUST',
    'server',
    'The refusal of a version lists the supported versions',
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
