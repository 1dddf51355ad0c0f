// An echo client with the global `WebSocket`. Runs in Node 22 and later, Deno, Bun, and browsers. A browser page takes the URL from
// the fragment of its address. Reconnects until a Close with code 4321.
const url = globalThis.process?.argv[2] ?? globalThis.Deno?.args[0] ?? globalThis.location.hash.slice(1);
/** Some clients report no event when they reject a handshake. The next connection is then opened after this time. */
const LATE_MS = 3_000;
const visit = () =>
  new Promise((resolve) => {
    const socket = new globalThis.WebSocket(url);
    const late = setTimeout(resolve, LATE_MS);
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('open', () => clearTimeout(late));
    socket.addEventListener('message', ({ data }) => socket.send(data));
    socket.addEventListener('close', ({ code }) => {
      clearTimeout(late);
      resolve(code);
    });
  });
await Promise.all(
  Array.from({ length: 4 }, async () => {
    while ((await visit()) !== 4_321);
  }),
);
globalThis.process?.exit();
