/** Why tests fail on Bun or Deno. `tools/run-others.js --record` records which tests fail. */
export interface Cause {
  /** Prefixes of runtime names. */
  readonly runtimes: readonly string[];
  /** Paths under test/, without `.test.ts`; a path that ends in `/` means the whole folder. */
  readonly files: readonly string[];
  /** Titles of the failing tests. Default: every test of these files. */
  readonly tests?: RegExp;
  /** What the test observes. */
  readonly happens: string;
  /** Where the cause lies: in the runtime, in the test, or in the design of Hawser. */
  readonly origin: string;
}

const NO_HANDLES =
  'sockets have no handle that Hawser can drive; the self-check detects this and selects streams';

/** The first cause that matches a failure applies. */
export const CAUSES: readonly Cause[] = [
  {
    runtimes: ['Bun', 'Deno'],
    files: [
      'sockets/handle-transport',
      'sockets/loopback',
      'sockets/take-stream',
      'server/cluster',
      'client/dials',
    ],
    happens: NO_HANDLES,
    origin: 'by design',
  },
  {
    runtimes: ['Bun', 'Deno'],
    files: ['sockets/arrived-transports'],
    tests: /^(?:handle|socket|TLS socket):/,
    happens: NO_HANDLES,
    origin: 'by design',
  },
  {
    runtimes: ['Bun', 'Deno'],
    files: ['server/opening/over-sockets'],
    tests: /, auto:/,
    happens: NO_HANDLES,
    origin: 'by design',
  },
  {
    runtimes: ['Bun'],
    files: ['server/opening/over-sockets'],
    happens: 'a TCP reset, and bytes that are not TLS, are reported as an ordinary EOF',
    origin: 'Bun’s `node:net` and `node:tls`',
  },
  {
    runtimes: ['Bun', 'Deno'],
    files: ['tools/coverage'],
    happens: 'the test measures coverage of a Node child process with `NODE_V8_COVERAGE`',
    origin: 'the test',
  },
  {
    runtimes: ['Bun', 'Deno'],
    files: [
      'docs/snippets',
      'protocol/bare-runtime',
      'client/reconnect/reconnect-ending',
      'requirements/requirements',
    ],
    happens: 'the test starts a child process with command-line flags of Node',
    origin: 'the test',
  },
  {
    runtimes: ['Bun'],
    files: ['package/install'],
    tests: /source maps/,
    happens:
      'the test enables source maps with a command-line flag of Node; Bun does not read the source maps of the package',
    origin: 'the test',
  },
  {
    runtimes: ['Bun'],
    files: ['client/connect', 'server/opening/tls'],
    tests: /TL-02/,
    happens:
      'BoringSSL lacks the TLS 1.1 ciphers that the test requests; when no cipher is shared, no error is reported',
    origin: 'Bun’s `node:tls`',
  },
  {
    runtimes: ['Bun', 'Deno'],
    files: ['server/opening/tls-unix'],
    happens: 'a TLS server on a Unix socket does not close a connection that sends no TLS',
    origin: '`node:tls` of the runtime',
  },
  {
    runtimes: ['Bun'],
    files: ['testing/leak-check'],
    happens: '`process.getActiveResourcesInfo()` is always empty, so a leak check finds nothing',
    origin: 'Bun',
  },
  {
    runtimes: ['Bun'],
    files: ['server/opening/hooks'],
    happens: 'a `Response` with text has no default `Content-Type`, and a 304 may have a body',
    origin: 'Bun’s `Response`',
  },
  {
    runtimes: ['Bun'],
    files: ['server/opening/listen-options'],
    happens:
      'the HTTP server answers a request for `*` with 400; the attached WebSocket server never sees it',
    origin: 'Bun’s `node:http`',
  },
  {
    runtimes: ['Bun'],
    files: ['server/opening/descriptors'],
    happens:
      'when file descriptors run out, new connections hang instead of being cut: the listening socket reports no error',
    origin: 'Bun’s `node:net`',
  },
  {
    runtimes: ['Deno'],
    files: ['server/opening/descriptors'],
    happens: 'the test starts a child process with command-line flags of Node',
    origin: 'the test',
  },
  {
    runtimes: ['Deno'],
    files: ['engine/zlib/raw-zlib', 'fuzz'],
    happens: 'zlib cannot run synchronously on the caller’s stack, which these tests require',
    origin: 'by design',
  },
  {
    runtimes: ['Deno'],
    files: ['load/bench', 'load/frames'],
    happens:
      '`Buffer.compare` throws for bounds that Node accepts, so `hawser bench` cannot check some answers',
    origin: 'not investigated',
  },
  {
    runtimes: ['Deno'],
    files: ['conform/'],
    happens:
      'zlib reports invalid compressed data later than on Node, and one answer of the Hawser client differs from Node',
    origin: 'not investigated',
  },
  {
    runtimes: ['Deno'],
    files: ['cli/send'],
    happens: 'a listening socket of the test stays open after SIGINT',
    origin: 'not investigated',
  },
  {
    runtimes: ['Deno'],
    files: ['cli/process'],
    tests: /at a terminal/,
    happens: 'under `script`, which the test uses as a terminal, part of the output is missing',
    origin: 'not investigated',
  },
  {
    runtimes: ['Deno'],
    files: ['cli/process', 'examples/client', 'examples/deploy', 'examples/express'],
    happens:
      'a child that handles a signal and exits normally is reported as killed by the signal, or its exit is not reported',
    origin: 'Deno’s `node:child_process`',
  },
  {
    runtimes: ['Deno'],
    files: ['server/opening/over-sockets'],
    tests: /slow reader|takes nothing/,
    happens:
      'a TLS socket accepts every write at once although the peer does not read, so buffered bytes cannot be counted',
    origin: 'Deno’s `node:tls`',
  },
  {
    runtimes: ['Deno'],
    files: ['server/opening/over-sockets', 'sockets/arrived-transports'],
    tests: /reset/,
    happens: 'a TCP reset under TLS is reported as EOF, or not at all',
    origin: 'Deno’s `node:tls`',
  },
  {
    runtimes: ['Deno'],
    files: ['sockets/arrived-transports'],
    tests: /memory of what is written|written memory/,
    happens: 'of 1 MB in small writes over TLS, sometimes not all arrives within 5 s',
    origin: 'not investigated',
  },
  {
    runtimes: ['Deno'],
    files: ['connection/compressed-sending'],
    happens: 'of 30 connections that are cut, sometimes not all report their end within 5 s',
    origin: 'not investigated',
  },
  {
    runtimes: ['Deno'],
    files: ['sockets/arrived-transports'],
    happens: 'after the peer half-closes, writes no longer reach it',
    origin: 'Deno’s `node:net`',
  },
  {
    runtimes: ['Deno'],
    files: ['cli/serve'],
    tests: /not of this machine/,
    happens: 'listening on an address of another machine fails with `EINVAL` instead of `EADDRNOTAVAIL`',
    origin: 'Deno’s `node:net`',
  },
  {
    runtimes: ['Deno'],
    files: ['cli/serve', 'interop/browsers', 'interop/compression'],
    happens: 'the test needs context takeover, which Hawser does not offer on Deno',
    origin: 'by design',
  },
  {
    runtimes: ['Deno'],
    files: ['interop/libwebsockets', 'interop/other-clients'],
    happens:
      'without context takeover these peers misbehave: one loops endlessly, one keeps its compression context anyway',
    origin: 'the peers',
  },
  {
    runtimes: ['Deno'],
    files: ['options/connect-options', 'server/opening/tls', 'cli/serve-tls', 'examples/tls'],
    happens:
      'invalid certificates are accepted until they are used, and a failed TLS handshake is not always reported',
    origin: 'Deno’s `node:tls`',
  },
  {
    runtimes: ['Deno'],
    files: ['client/reconnect/reconnect-chaos', 'client/reconnect/reconnect-queue'],
    happens:
      'the test counts turns of the event loop: connecting over loopback takes 1 turn on Node and 56 on Deno',
    origin: 'the test',
  },
  {
    runtimes: ['Deno'],
    files: ['client/reconnect/reconnect-crowd'],
    happens: 'the runner reports an empty event loop although 1,000 connections and a timer are pending',
    origin: 'Deno’s `node:test`',
  },
  {
    runtimes: ['Deno'],
    files: ['connection/compressed-receiving', 'leaks/compression'],
    happens:
      'the test never sees a running job: zlib streams work on the event loop, so a large message blocks it',
    origin: 'Deno’s `node:zlib`',
  },
];
