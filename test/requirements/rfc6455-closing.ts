import { kept, live, notOurs, type Rule, section } from './rule.ts';

const BACKOFF = 'client/reconnect/backoff.ts#';
const APPLICATION = notOurs(
  'the application decides when to close; the library closes only when a rule, a limit or a timeout requires it',
);

/** §7, §8: closing and failing. */
export const CLOSING: readonly Rule[] = [
  ...section(
    '7.1.1',
    [
      'SHOULD',
      'both',
      'TCP and TLS are closed cleanly, and bytes that still arrive are discarded',
      kept('connection/ending.ts#socket.end', live('5.5.1-5'), live('7.1.7-1')),
    ],
    [
      'SHOULD',
      'server',
      'The server closes TCP first',
      kept('connection/ending.ts#socket.end', live('5.5.1-5')),
    ],
    [
      'SHOULD',
      'server',
      'The server closes TCP at once',
      kept(
        'connection/ending.ts#socket.end',
        live('5.5.1-5'),
        'server/opening/closing-live: the peer breaks a rule and stays',
      ),
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
    '7.1.2',
    [
      'MUST',
      'both',
      'A closing handshake starts with a Close frame with the given code and reason',
      kept(
        'protocol/connection.ts#close',
        live('7.1.2-1'),
        'protocol/connection-commands: Close is sent once, after queued messages',
      ),
    ],
    [
      'SHOULD',
      'both',
      'After both Close frames the connection is closed',
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
      'A client that fails the connection closes it',
      kept('protocol/connection.ts#fail', 'protocol/connection-commands: a failure sends Close at once'),
    ],
    [
      'MUST',
      'server',
      'A server that fails the connection closes it',
      kept(
        'protocol/connection.ts#fail',
        live('7.1.7-1'),
        'server/opening/closing-live: the peer breaks a rule and stays',
      ),
    ],
    ['SHOULD', 'server', 'The server logs a failure', kept('server/log.ts#log', 'server/log: §7.1.7')],
    [
      'SHOULD',
      'both',
      'Before an open connection fails, a Close with a suitable code is sent',
      kept(
        'protocol/closing-handshake.ts#closeNow',
        live('7.1.7-1'),
        'protocol/connection-commands: a failure sends Close at once',
      ),
    ],
    [
      'MUST NOT',
      'both',
      'After a failure an endpoint processes no data, not even Close',
      kept(
        'protocol/connection.ts#release',
        live('7.1.7-1'),
        'protocol/connection-commands: a failure or a Close drops unfinished messages',
      ),
    ],
    ['SHOULD NOT', 'client', 'A client does not close in other cases', APPLICATION],
  ),
  ...section(
    '7.2.1',
    [
      'MUST',
      'client',
      'A handshake that cannot continue fails the connection as defined in §7.1.7',
      kept('client/connecting.ts#fail', 'client/failures: the server answers a wrong accept value'),
    ],
    [
      'MUST',
      'client',
      'A lost transport fails the connection',
      kept(
        'protocol/connection.ts#transportEnded',
        'protocol/connection-commands: the end of the transport ends every phase',
      ),
    ],
    ['SHOULD NOT', 'client', 'A client does not close in other cases', APPLICATION],
  ),
  ...section('7.2.2', [
    'MUST',
    'server',
    'Aborting a handshake closes TCP',
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
      'A client reconnects with backoff',
      kept(BACKOFF, 'client/reconnect/reconnecting-client: without a server the delays grow'),
    ],
    [
      'SHOULD',
      'client',
      'The first attempt is delayed by a random time',
      kept(
        BACKOFF,
        'client/reconnect/reconnect-crowd: 1,000 clients reconnect after a restart, spread uniformly',
      ),
    ],
    [
      'SHOULD',
      'client',
      'Later attempts are delayed by increasing times',
      kept(BACKOFF, 'client/reconnect/reconnecting-client: without a server the delays grow'),
    ],
  ),
  ...section('7.3', ['SHOULD NOT', 'client', 'A client does not close without a reason', APPLICATION]),
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
      'The reason of a Close with 1010 lists the missing extensions',
      notOurs(
        'the client continues without an extension and never sends 1010 itself; an application that closes with 1010 writes the reason',
      ),
    ],
  ),
  ...section('8.1', [
    'MUST',
    'both',
    'Invalid UTF-8 fails the connection',
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
