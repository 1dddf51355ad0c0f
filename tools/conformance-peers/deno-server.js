// An echo server with Deno's built-in WebSocket. Prints its port.
const { Deno } = globalThis;
Deno.serve(
  { port: 0, hostname: '127.0.0.1', onListen: ({ port }) => globalThis.console.log(port) },
  (request) => {
    try {
      const { socket, response } = Deno.upgradeWebSocket(request);
      socket.addEventListener('message', ({ data }) => socket.send(data));
      socket.addEventListener('error', () => undefined);
      return response;
    } catch {
      return new Response('', { status: 400 });
    }
  },
);
