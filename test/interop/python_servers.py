"""An echo server of another implementation: `websockets`, `aiohttp`, `tornado`, or `tornado-deflate`, which
compresses. Prints its port; exits at the end of standard input.

It answers the text `fragments` with a message in three fragments (if the implementation can), `ping fromServer` with a ping, and
`close <code> <reason>` by closing.
"""
import asyncio
import socket
import ssl
import sys

LIMIT = 16 * 1024 * 1024


async def serve_websockets(listener, tls):
    import websockets

    async def handler(peer, _path=None):
        try:
            async for message in peer:
                if message == "fragments":
                    await peer.send(["frag", "men", "ted"])
                elif message == "ping fromServer":
                    await peer.ping("fromServer")
                elif isinstance(message, str) and message.startswith("close "):
                    _, code, reason = message.split(" ", 2)
                    await peer.close(int(code), reason)
                else:
                    await peer.send(message)
        except websockets.ConnectionClosed:
            pass  # with any code but 1000 and 1001 it says so in this way

    await websockets.serve(handler, sock=listener, ssl=tls, max_size=LIMIT, subprotocols=["v2"], compression=None)


async def serve_aiohttp(listener, tls):
    from aiohttp import WSMsgType, web

    async def handler(request):
        peer = web.WebSocketResponse(protocols=["v2"], max_msg_size=LIMIT)
        await peer.prepare(request)
        async for message in peer:
            if message.type == WSMsgType.BINARY:
                await peer.send_bytes(message.data)
            elif message.data == "ping fromServer":
                await peer.ping(b"fromServer")
            elif message.data.startswith("close "):
                _, code, reason = message.data.split(" ", 2)
                await peer.close(code=int(code), message=reason.encode())
            else:
                await peer.send_str(message.data)
        return peer

    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.SockSite(runner, listener, ssl_context=tls).start()


async def serve_tornado(listener, tls, compression=None):
    import tornado.httpserver
    import tornado.web
    import tornado.websocket

    class Handler(tornado.websocket.WebSocketHandler):
        def select_subprotocol(self, subprotocols):
            return "v2" if "v2" in subprotocols else None

        def get_compression_options(self):
            return compression

        def on_message(self, message):
            if message == "ping fromServer":
                self.ping(b"fromServer")
            elif isinstance(message, str) and message.startswith("close "):
                _, code, reason = message.split(" ", 2)
                self.close(int(code), reason)
            else:
                self.write_message(message, binary=isinstance(message, bytes))

    app = tornado.web.Application([("/", Handler)], websocket_max_message_size=LIMIT)
    server = tornado.httpserver.HTTPServer(app, ssl_options=tls)
    listener.setblocking(False)
    server.add_socket(listener)


async def main(name, certificate=None, key=None):
    tls = None
    if certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate, key)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(16)
    serve = {
        "websockets": serve_websockets,
        "aiohttp": serve_aiohttp,
        "tornado": serve_tornado,
        "tornado-deflate": lambda listener, tls: serve_tornado(listener, tls, {}),
    }
    await serve[name](listener, tls)
    print(listener.getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main(*sys.argv[1:]))
