import { kept, live, notOurs, type Rule, section } from './rule.ts';

const BACKOFF = 'client/reconnect/backoff.ts#';
const APPLICATION = notOurs(
  'when to close is the decision of the application; the library closes only where a rule or a limit says so',
);

/** §7, §8: closing and failing. */
export const CLOSING: readonly Rule[] = [
  ...section(
    '7.1.1',
    [
      'SHOULD',
      'both',
      'TCP and TLS are closed cleanly, and what still comes is discarded',
      kept('connection/ending.ts#socket.end', live('5.5.1-5'), live('7.1.7-1')),
    ],
    [
      'SHOULD',
      'server',
      'the server closes TCP first',
      kept('connection/ending.ts#socket.end', live('5.5.1-5')),
    ],
    [
      'SHOULD',
      'server',
      'and does so at once',
      kept(
        'connection/ending.ts#socket.end',
        live('5.5.1-5'),
        'server/opening/closing-live: the peer breaks a rule and stays',
      ),
    ],
    [
      'SHOULD',
      'client',
      'a client waits for it',
      kept(
        'connection/ending.ts#a client waits for it',
        'testing/pair: a client waits for the server to end TCP',
      ),
    ],
  ),
  ...section(
    '7.1.2',
    [
      'MUST',
      'both',
      'a closing handshake begins with a Close of that code and reason',
      kept(
        'protocol/connection.ts#close',
        live('7.1.2-1'),
        'protocol/connection-commands: Close is sent once, after queued messages',
      ),
    ],
    [
      'SHOULD',
      'both',
      'with both Closes through, the connection is closed',
      kept(
        'connection/ending.ts#inputDone',
        live('5.5.1-5'),
        'server/opening/closing-live: the server closes, and the peer answers: one close event',
      ),
    ],
  ),
  ...section(
    '7.1.7',
    [
      'MUST',
      'client',
      'failing closes the connection',
      kept('protocol/connection.ts#fail', 'protocol/connection-commands: a failure sends Close at once'),
    ],
    [
      'MUST',
      'server',
      'failing closes the connection',
      kept(
        'protocol/connection.ts#fail',
        live('7.1.7-1'),
        'server/opening/closing-live: the peer breaks a rule and stays',
      ),
    ],
    ['SHOULD', 'server', 'a failure is logged', kept('server/log.ts#log', 'server/log: §7.1.7')],
    [
      'SHOULD',
      'both',
      'an open connection that fails gets a Close with a fitting code first',
      kept(
        'protocol/connection.ts#closeNow',
        live('7.1.7-1'),
        'protocol/connection-commands: a failure sends Close at once',
      ),
    ],
    [
      'MUST NOT',
      'both',
      'after a failure nothing more is processed, not even a Close',
      kept(
        'protocol/connection.ts#release',
        live('7.1.7-1'),
        'protocol/connection-commands: a failure or a Close drops unfinished messages',
      ),
    ],
    ['SHOULD NOT', 'client', 'otherwise clients do not close', APPLICATION],
  ),
  ...section(
    '7.2.1',
    [
      'MUST',
      'client',
      'a handshake that cannot go on fails as §7.1.7 says',
      kept('client/connecting.ts#fail', 'client/failures: the server answers a wrong accept value'),
    ],
    [
      'MUST',
      'client',
      'a transport that is lost fails the connection',
      kept(
        'protocol/connection.ts#transportEnded',
        'protocol/connection-commands: the end of the transport ends every phase',
      ),
    ],
    ['SHOULD NOT', 'client', 'otherwise clients do not close', APPLICATION],
  ),
  ...section('7.2.2', [
    'MUST',
    'server',
    'aborting a handshake closes TCP',
    kept(
      'server/opening/linger.ts#linger',
      live('4.1-1'),
      'server/opening/listening: heads too large, too slow and too many',
    ),
  ]),
  ...section(
    '7.2.3',
    [
      'SHOULD',
      'client',
      'connecting again backs off',
      kept(BACKOFF, 'client/reconnect/reconnecting-client: without a server the delays grow'),
    ],
    [
      'SHOULD',
      'client',
      'the first attempt waits for a random time',
      kept(BACKOFF, 'client/reconnect/reconnect-crowd: 1,000 clients come back after a restart, spread'),
    ],
    [
      'SHOULD',
      'client',
      'later attempts wait longer and longer',
      kept(BACKOFF, 'client/reconnect/reconnecting-client: without a server the delays grow'),
    ],
  ),
  ...section('7.3', ['SHOULD NOT', 'client', 'clients do not close without a reason', APPLICATION]),
  ...section(
    '7.4.1',
    [
      'MUST NOT',
      'both',
      '1005, 1006 and 1015 are never sent',
      kept(
        'protocol/close.ts#isSendableCode',
        live('7.4.1-1'),
        live('7.4.1-2'),
        'protocol/close: all close codes from 0 to 65535',
      ),
      3,
    ],
    [
      'SHOULD',
      'client',
      'with 1010 the reason lists the extensions that were missed',
      notOurs(
        'a client that gets no extension goes on without it, and so has no use for 1010; an application that closes with it writes the reason',
      ),
    ],
  ),
  ...section('8.1', [
    'MUST',
    'both',
    'what should be UTF-8 and is not fails the connection',
    kept(
      [
        'protocol/utf8.ts#Utf8Validator',
        'protocol/utf8-decoder.ts#decodeIfUtf8',
        'protocol/close.ts#readCloseBody',
      ],
      live('8.1-1'),
      live('5.5.1-4'),
      'protocol/connection: client: UT-03 SE-18',
      'protocol/utf8-decoder: is detected at every position',
    ),
  ]),
];
