import { kept, live, type Rule, section } from './rule.ts';

const HEAD = 'protocol/handshake/http-head.ts#HeadParser';
const SERVER = 'protocol/handshake/server.ts#readUpgradeRequest';
const ANSWER = 'protocol/handshake/answer.ts#renderUpgrade';
const EXTENSIONS = 'protocol/handshake/extension-list.ts#ExtensionReader';
const ORIGIN = 'server/admission/policies.ts#origin';

/** §4.2 to §4.4: the server's side of the opening handshake. */
export const ACCEPTING: readonly Rule[] = [
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
