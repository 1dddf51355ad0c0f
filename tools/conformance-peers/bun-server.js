// An echo server with Bun's built-in WebSocket. Prints its port.
const server = globalThis.Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch: (request, server) => (server.upgrade(request) ? undefined : new Response('', { status: 400 })),
  websocket: { perMessageDeflate: true, message: (socket, message) => void socket.send(message) },
});
globalThis.process.stdout.write(`${server.port}\n`);
