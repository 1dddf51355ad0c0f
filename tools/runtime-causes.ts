/** Why tests fail on a runtime that is not Node. `tools/run-others.js --record` finds out which do. */
export interface Cause {
  /** Beginnings of the runtimes' names. */
  readonly runtimes: readonly string[];
  /** Paths under test/, without `.test.ts`; one that ends in `/` takes the whole folder. */
  readonly files: readonly string[];
  /** Which of their tests; all, if nothing is said. */
  readonly tests?: RegExp;
  readonly happens: string;
  readonly whose: string;
}

const NO_HANDLES =
  'there is no handle below a socket that could be driven: the self-check says so, and streams are used';

/** The first that fits counts. */
export const CAUSES: readonly Cause[] = [
  {
    runtimes: ['Bun', 'Deno'],
    files: ['sockets/handle-transport', 'sockets/loopback', 'sockets/take-stream', 'server/cluster'],
    happens: NO_HANDLES,
    whose: 'meant so',
  },
  {
    runtimes: ['Bun', 'Deno'],
    files: ['sockets/arrived-transports'],
    tests: /^(?:handle|socket|TLS socket):/,
    happens: NO_HANDLES,
    whose: 'meant so',
  },
  {
    runtimes: ['Bun', 'Deno'],
    files: ['server/opening/over-sockets'],
    tests: /, auto:/,
    happens: NO_HANDLES,
    whose: 'meant so',
  },
  {
    runtimes: ['Bun'],
    files: ['server/opening/over-sockets'],
    happens: 'a reset, and bytes that are no TLS, are told as an ordinary end',
    whose: 'Bun’s `node:net` and `node:tls`',
  },
  {
    runtimes: ['Bun', 'Deno'],
    files: ['tools/coverage'],
    happens: 'the test has a child of Node’s count what runs, by `NODE_V8_COVERAGE`',
    whose: 'the test',
  },
  {
    runtimes: ['Bun', 'Deno'],
    files: [
      'docs/snippets',
      'protocol/bare-runtime',
      'client/reconnect/reconnect-ending',
      'requirements/requirements',
    ],
    happens: 'the test starts another process with flags of Node’s command line',
    whose: 'the test',
  },
  {
    runtimes: ['Bun'],
    files: ['package/install'],
    tests: /source maps/,
    happens: 'the test asks for source maps by a flag of Node’s command line, and Bun does not follow ours',
    whose: 'the test',
  },
  {
    runtimes: ['Bun'],
    files: ['client/connect', 'server/opening/tls'],
    tests: /TL-02/,
    happens:
      'BoringSSL does not know the ciphers of TLS 1.1 that the test asks for, and is silent where they are not shared',
    whose: 'Bun’s `node:tls`',
  },
  {
    runtimes: ['Bun', 'Deno'],
    files: ['server/opening/tls-unix'],
    happens: 'the server keeps a connection over a Unix socket that does not speak TLS',
    whose: '`node:tls` there',
  },
  {
    runtimes: ['Bun'],
    files: ['testing/leak-check'],
    happens: '`process.getActiveResourcesInfo()` is always empty: a leak check finds nothing there',
    whose: 'Bun',
  },
  {
    runtimes: ['Bun'],
    files: ['server/opening/hooks'],
    happens: 'text has no default `Content-Type`, and a 304 may have a body',
    whose: 'Bun’s `Response`',
  },
  {
    runtimes: ['Bun'],
    files: ['server/opening/listen-options'],
    happens: 'attached to an HTTP server, a request for `*` gets 400 and never reaches us',
    whose: 'Bun’s `node:http`',
  },
  {
    runtimes: ['Bun'],
    files: ['server/opening/descriptors'],
    happens:
      'without file descriptors newcomers are left waiting instead of cut: nothing tells the listening socket',
    whose: 'Bun’s `node:net`',
  },
  {
    runtimes: ['Deno'],
    files: ['server/opening/descriptors'],
    happens: 'the test starts another process with flags of Node’s command line',
    whose: 'the test',
  },
  {
    runtimes: ['Deno'],
    files: ['engine/zlib/raw-zlib', 'fuzz'],
    happens: 'zlib takes no steps on the stack of its caller, which these tests demand of Node',
    whose: 'meant so',
  },
  {
    runtimes: ['Deno'],
    files: ['load/bench', 'load/frames'],
    happens:
      '`Buffer.compare` refuses bounds that Node takes, so that `hawser bench` cannot check some answers',
    whose: 'not looked into further',
  },
  {
    runtimes: ['Deno'],
    files: ['conform/'],
    happens:
      'zlib tells later than on Node what does not inflate; and one answer of our client was not as on Node',
    whose: 'not looked into further',
  },
  {
    runtimes: ['Deno'],
    files: ['cli/send'],
    happens: 'after SIGINT a listening socket of the test stays open',
    whose: 'not looked into further',
  },
  {
    runtimes: ['Deno'],
    files: ['cli/process'],
    tests: /at a terminal/,
    happens: 'below the program `script`, which the test uses for a terminal, too little is shown',
    whose: 'not looked into further',
  },
  {
    runtimes: ['Deno'],
    files: ['cli/process', 'examples/client', 'examples/deploy', 'examples/express'],
    happens:
      '`node:child_process` says of a child that was sent a signal that it ended by it, whatever it did, or does not say that it ended',
    whose: 'Deno’s `node:child_process`',
  },
  {
    runtimes: ['Deno'],
    files: ['server/opening/over-sockets'],
    tests: /slow reader|takes nothing/,
    happens: 'over TLS what waits for a peer that does not read is taken at once, and cannot be counted',
    whose: 'Deno’s `node:tls`',
  },
  {
    runtimes: ['Deno'],
    files: ['server/opening/over-sockets', 'sockets/arrived-transports'],
    tests: /reset/,
    happens: 'a reset below TLS is told as an end, or not at all',
    whose: 'Deno’s `node:tls`',
  },
  {
    runtimes: ['Deno'],
    files: ['sockets/arrived-transports'],
    tests: /memory of what is written/,
    happens: 'of a megabyte in small writes over TLS not all has arrived after 5 s, at times',
    whose: 'not looked into further',
  },
  {
    runtimes: ['Deno'],
    files: ['connection/compressed-sending'],
    happens: 'of 30 connections that are cut not all are seen to end within 5 s, at times',
    whose: 'not looked into further',
  },
  {
    runtimes: ['Deno'],
    files: ['sockets/arrived-transports'],
    happens: 'once the peer has ended its half nothing goes out any more',
    whose: 'Deno’s `node:net`',
  },
  {
    runtimes: ['Deno'],
    files: ['cli/serve'],
    tests: /not of this machine/,
    happens: 'an address that is not of this machine is `EINVAL` instead of `EADDRNOTAVAIL`',
    whose: 'Deno’s `node:net`',
  },
  {
    runtimes: ['Deno'],
    files: ['cli/serve', 'interop/browsers', 'interop/compression'],
    happens: 'the test wants context takeover, which there is none of',
    whose: 'meant so',
  },
  {
    runtimes: ['Deno'],
    files: ['interop/libwebsockets', 'interop/other-clients'],
    happens:
      'without context takeover these peers have faults of their own: one turns in a loop, one keeps its context all the same',
    whose: 'the peers',
  },
  {
    runtimes: ['Deno'],
    files: ['options/connect-options', 'server/opening/tls', 'cli/serve-tls', 'examples/tls'],
    happens:
      'certificates that are none are taken until they are used, and a TLS handshake that fails is not always told',
    whose: 'Deno’s `node:tls`',
  },
  {
    runtimes: ['Deno'],
    files: ['client/reconnect/reconnect-chaos', 'client/reconnect/reconnect-queue'],
    happens:
      'the test counts turns of the event loop: a connection over loopback takes 1 on Node, and 56 there',
    whose: 'the test',
  },
  {
    runtimes: ['Deno'],
    files: ['client/reconnect/reconnect-crowd'],
    happens: 'the runner says that nothing is left to wait for, while 1,000 connections and a timer are',
    whose: 'Deno’s `node:test`',
  },
  {
    runtimes: ['Deno'],
    files: ['connection/compressed-receiving', 'leaks/compression'],
    happens:
      'no job is ever seen under way: zlib’s streams work on the event loop, so that large messages keep it',
    whose: 'Deno’s `node:zlib`',
  },
];
