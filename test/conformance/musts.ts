/**
 * What RFC 6455 demands of a server, or of an endpoint that is a server, in the project's words: `section-number` and
 * the demand. `cases` names the cases of `hawser conform` for it. Demands that cannot be tested from outside have a
 * test in `inside.ts`; some have both.
 */
export const SERVER_MUSTS: Readonly<
  Record<string, { readonly says: string; readonly cases?: readonly string[] }>
> = {
  '4.1-1': {
    says: 'a request that does not follow the handshake is refused with an HTTP error',
    cases: ['handshake.head.*', 'handshake.target.wrong'],
  },
  '4.2.1-1': {
    says: 'the request is a GET of HTTP/1.1 or later',
    cases: ['handshake.method', 'handshake.http-version', 'handshake.http-version.nonsense'],
  },
  '4.2.1-2': { says: 'the request names its host, once', cases: ['handshake.host'] },
  '4.2.1-3': { says: 'Upgrade contains websocket, in any case', cases: ['handshake.upgrade.*'] },
  '4.2.1-4': { says: 'Connection contains upgrade, in any case', cases: ['handshake.connection.*'] },
  '4.2.1-5': {
    says: 'the key is 16 bytes in base64',
    cases: ['handshake.key.missing', 'handshake.key.wrong'],
  },
  '4.2.1-6': { says: 'fields that are not known are ignored', cases: ['handshake.fields.unknown'] },
  '4.2.2-1': {
    says: 'a version that is not spoken is refused, and those that are spoken are named',
    cases: ['handshake.version.*'],
  },
  '4.2.2-2': { says: 'a resource that is not there is refused with an HTTP error' },
  '4.2.2-3': { says: 'an origin that is not accepted is refused with an HTTP error' },
  '4.2.2-4': { says: 'the subprotocol chosen is one that was offered' },
  '4.2.2-5': { says: 'no subprotocol is named if none was chosen', cases: ['handshake.protocol.unoffered'] },
  '4.2.2-6': {
    says: 'no extension is used that was not offered, and unknown ones are left out',
    cases: ['handshake.extension.unknown', 'deflate.offer.*'],
  },
  '4.2.2-7': {
    says: 'the answer is 101 with Upgrade and Connection',
    cases: ['handshake.accept', 'handshake.head.cut'],
  },
  '4.2.2-8': { says: 'the accept value is computed from the key and the GUID', cases: ['handshake.accept'] },
  '4.2.2-9': { says: 'after the answer only frames are sent', cases: ['handshake.pipelined'] },
  '4.4-1': {
    says: 'a client that speaks several versions learns ours from the refusal',
    cases: ['handshake.version.other', 'handshake.version.12'],
  },
  '5.1-1': { says: 'a frame that is not masked closes the connection', cases: ['masking.wrong.*'] },
  '5.1-2': {
    says: 'frames to a client are not masked',
    cases: ['framing.text', 'framing.binary', 'control.ping', 'close.answer'],
  },
  '5.2-1': {
    says: 'a reserved bit that no extension uses fails the connection',
    cases: ['framing.rsv.*', 'deflate.rsv1.*'],
  },
  '5.2-2': { says: 'a reserved opcode fails the connection', cases: ['framing.opcode.*'] },
  '5.2-3': {
    says: 'lengths are sent in their shortest form',
    cases: [
      'lengths.message.0',
      'lengths.message.125',
      'lengths.message.126',
      'lengths.message.65535',
      'lengths.message.65536',
      'lengths.message.1mib',
    ],
  },
  '5.2-4': { says: 'the highest bit of a 64-bit length is 0', cases: ['lengths.sign'] },
  '5.2-5': {
    says: 'a length that could have been shorter fails the connection',
    cases: ['lengths.not-shortest'],
  },
  '5.3-1': {
    says: 'every masking key is undone, whatever it is',
    cases: ['masking.keys', 'masking.cuts', 'masking.lengths'],
  },
  '5.4-1': {
    says: 'messages are received whole and in fragments',
    cases: ['fragmentation.two', 'fragmentation.many', 'fragmentation.size.*'],
  },
  '5.4-2': {
    says: 'control frames in the middle of a fragmented message are handled',
    cases: ['fragmentation.ping-between', 'fragmentation.ping-unfinished', 'fragmentation.pong-between'],
  },
  '5.4-3': { says: 'a fragmented control frame fails the connection', cases: ['control.fragmented.*'] },
  '5.4-4': { says: 'fragments of two messages are not mixed', cases: ['fragmentation.interleaved*'] },
  '5.4-5': {
    says: 'a continuation of nothing fails the connection',
    cases: ['fragmentation.continuation.*'],
  },
  '5.4-6': {
    says: 'fragments are put together in their order, as the type of the first',
    cases: ['fragmentation.empty', 'fragmentation.twice'],
  },
  '5.5-1': {
    says: 'a control frame of more than 125 bytes fails the connection',
    cases: ['control.long.*', 'lengths.control.125'],
  },
  '5.5.1-1': {
    says: 'a Close that has a body begins it with a code of two bytes',
    cases: ['close.body.one-byte', 'close.empty'],
  },
  '5.5.1-2': {
    says: 'a Close is answered with a Close',
    cases: [
      'close.answer',
      'close.behind-data',
      'close.unfinished',
      'close.code.1000',
      'close.code.3000',
      'close.code.4999',
    ],
  },
  '5.5.1-3': { says: 'no data frame follows a Close that was sent', cases: ['close.nothing-after'] },
  '5.5.1-4': { says: 'the reason of a Close is UTF-8', cases: ['close.reason.*'] },
  '5.5.1-5': { says: 'after both Closes the server ends TCP', cases: ['close.answer'] },
  '5.5.2-1': {
    says: 'a ping is answered with a pong, also while closing, unless a Close has come',
    cases: ['control.ping.*'],
  },
  '5.5.3-1': { says: 'a pong carries what its ping carried', cases: ['control.ping'] },
  '5.5.3-2': { says: 'an unsolicited pong is no error', cases: ['control.pong.unasked'] },
  '5.6-1': {
    says: 'text is UTF-8 as a whole, though fragments may end inside a character',
    cases: ['utf8.valid.*', 'utf8.unfinished', 'utf8.state'],
  },
  '6.1-1': { says: 'data is sent only while the connection is open' },
  '6.1-2': {
    says: 'a message is sent with its type in the first frame, and FIN on the last',
    cases: ['framing.order', 'framing.many'],
  },
  '6.2-1': {
    says: 'the type of a message is noted, and masking is removed before it is handed over',
    cases: ['framing.text', 'framing.binary', 'utf8.binary'],
  },
  '7.1.2-1': { says: 'a closing handshake is begun with a Close that carries the code' },
  '7.1.5-1': { says: 'a Close without code counts as 1005' },
  '7.1.5-2': { says: 'an end without Close counts as 1006' },
  '7.1.7-1': {
    says: 'after a failure nothing more is processed, not even a Close',
    cases: ['framing.after-failure'],
  },
  '7.4.1-1': { says: 'codes 1005, 1006 and 1015 are never sent' },
  '7.4.1-2': {
    says: 'codes 1005, 1006 and 1015 in a Close fail the connection',
    cases: ['close.code.1004', 'close.code.1005', 'close.code.1006', 'close.code.1015'],
  },
  '7.4.2-1': {
    says: 'codes below 1000 are not used',
    cases: [
      'close.code.0',
      'close.code.999',
      'close.code.1016',
      'close.code.2999',
      'close.code.5000',
      'close.code.65535',
    ],
  },
  '8.1-1': {
    says: 'text that is not UTF-8 fails the connection, at the first byte that proves it',
    cases: ['utf8.invalid.*', 'utf8.early.*', 'utf8.long'],
  },
  '9.1-1': {
    says: 'an extension list that breaks the grammar fails the handshake',
    cases: ['handshake.extension.malformed'],
  },
  '10.4-1': { says: 'frames and messages over the limit are not taken in', cases: ['limits.announced'] },
  '10.7-1': {
    says: 'data that breaks the rules ends the connection, with a code that says why',
    cases: ['attack.noise'],
  },
  '11.3.1-1': { says: 'a second key is refused', cases: ['handshake.key.twice'] },
  '11.3.2-1': {
    says: 'an answer has at most one list of extensions',
    cases: ['handshake.extension.unknown'],
  },
  '11.3.4-1': {
    says: 'an answer has at most one subprotocol, also for several fields of offers',
    cases: ['handshake.protocol.unoffered'],
  },
  '11.3.5-1': { says: 'a second version is refused', cases: ['handshake.version.twice'] },
};

/** Demands of the same document that a server cannot violate, and why. */
export const NOT_OF_A_SERVER: Readonly<Record<string, string>> = {
  '3 and 4.1': 'what a client puts into its URI and request, and checks in the answer, binds clients',
  '4.1, 4.2.2 TLS': 'the TLS handshake comes before the first byte that this server sees',
  '5.3 key': 'choosing an unpredictable key for each frame binds clients',
  '5.4 intermediaries': 'changing the fragmentation of others binds proxies',
  '5.8, 9.2': 'what an extension has to define binds its specification; the server has none',
  '7.2': 'backing off before connecting again binds clients',
  '10.3': 'masking against confused proxies binds clients; the server refuses what is not masked (5.1-1)',
  '11 registries': 'registering names binds their authors',
};
