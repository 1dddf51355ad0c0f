"""A client with Python's `websockets` for an echo server. Prints its results as one line of JSON."""
import asyncio
import json
import ssl
import sys

import websockets


async def main(url, authority=None):
    """`authority`: file with trusted certificates for wss."""
    seen = {"version": websockets.__version__}
    tls = {"ssl": ssl.create_default_context(cafile=authority)} if authority else {}
    async with websockets.connect(url, **tls, max_size=None, subprotocols=["v1", "v2"], ping_interval=None) as socket:
        seen["subprotocol"] = socket.subprotocol
        sizes = []
        for size in (0, 1, 125, 126, 127, 65_535, 65_536, 1_048_576):
            await socket.send(b"\xff" * size)
            binary = await socket.recv()
            await socket.send("é" * (size // 2))
            text = await socket.recv()
            sizes.append([size, binary == b"\xff" * size, text == "é" * (size // 2)])
        seen["sizes"] = sizes
        await socket.send(["frag", "men", "ted"])
        seen["fragmented"] = await socket.recv()
        pong = await socket.ping("hello")
        await asyncio.wait_for(pong, 10)
        seen["pong"] = True
        await socket.send("ping fromServer")
        await socket.send("after the ping")
        seen["after"] = await socket.recv()
        await socket.close(4001, "bye")
        seen["closed"] = [socket.close_code, socket.close_reason]
    socket = await websockets.connect(url, **tls)
    await socket.send("close 4002 server")
    await socket.wait_closed()
    seen["closedByServer"] = [socket.close_code, socket.close_reason]
    print(json.dumps(seen))


asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), 60))
