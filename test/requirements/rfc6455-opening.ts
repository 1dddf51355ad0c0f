import { kept, notOurs, type Rule, section } from './rule.ts';

const URL_READER = 'protocol/handshake/destination.ts#readDestination';
const REQUEST = 'protocol/handshake/client.ts#renderUpgradeRequest';
const JUDGE = 'protocol/handshake/client.ts#judgeUpgrade';
const CONNECTING = 'client/connecting.ts#Connecting';
const THE_REQUEST = 'protocol/handshake/client: the request of the RFC';
const refused = (what: string): string =>
  `protocol/handshake/client: §4.1 CC-04 the client refuses a response: ${what}`;

/** §3, §4.1: the URI, and the client's side of the opening handshake. */
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
];
