"""An echo server with `websockets`, `aiohttp` or `tornado`, with permessage-deflate if the library has it. Prints its port."""
import asyncio
import socket
import sys


async def serve_websockets(listener):
    import websockets

    async def handler(peer, _path=None):
        try:
            async for message in peer:
                await peer.send(message)
        except websockets.ConnectionClosed:
            pass  # with any code but 1000 and 1001 it says so in this way

    await websockets.serve(handler, sock=listener)


async def serve_aiohttp(listener):
    from aiohttp import WSMsgType, web

    async def handler(request):
        peer = web.WebSocketResponse()
        await peer.prepare(request)
        async for message in peer:
            if message.type == WSMsgType.BINARY:
                await peer.send_bytes(message.data)
            elif message.type == WSMsgType.TEXT:
                await peer.send_str(message.data)
        return peer

    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.SockSite(runner, listener).start()


async def serve_tornado(listener):
    import tornado.httpserver
    import tornado.web
    import tornado.websocket

    class Handler(tornado.websocket.WebSocketHandler):
        def check_origin(self, origin):
            return True

        def get_compression_options(self):
            return {}

        def on_message(self, message):
            self.write_message(message, binary=isinstance(message, bytes))

    listener.setblocking(False)
    tornado.httpserver.HTTPServer(tornado.web.Application([("/", Handler)])).add_socket(listener)


async def main(name):
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    await {"websockets": serve_websockets, "aiohttp": serve_aiohttp, "tornado": serve_tornado}[name](listener)
    print(listener.getsockname()[1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main(sys.argv[1]))
