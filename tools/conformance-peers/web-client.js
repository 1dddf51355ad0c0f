// An echo client of the interface that browsers have. Runs in Node from 22 on, Deno, Bun, and a page, whose address then ends with
// `#` and the URL. Connects again after each end, until a Close with 4321.
const url = globalThis.process?.argv[2] ?? globalThis.Deno?.args[0] ?? globalThis.location.hash.slice(1);
/** Not every client says something of every answer that it cannot take: then another connection is made after so long. */
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
