"""An echo client with `websockets`, `aiohttp` or `tornado`. Reconnects until a Close with code 4321."""
import asyncio
import sys

LOOPS = 4
LATE_S = 3
LEFT_WAITING = []


async def visit_websockets(url):
    import websockets

    async with websockets.connect(url, max_size=2**25) as peer:
        try:
            async for message in peer:
                await peer.send(message)
        except websockets.ConnectionClosed:
            pass
        return peer.close_code


async def visit_aiohttp(url):
    import aiohttp

    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url, compress=15, max_msg_size=2**25) as peer:
            async for message in peer:
                if message.type == aiohttp.WSMsgType.BINARY:
                    await peer.send_bytes(message.data)
                elif message.type == aiohttp.WSMsgType.TEXT:
                    await peer.send_str(message.data)
            return peer.close_code


async def visit_tornado(url):
    from tornado.websocket import websocket_connect

    alive = asyncio.Event()

    async def echo():
        peer = await websocket_connect(url, compression_options={}, max_message_size=2**25)
        alive.set()
        while (message := await peer.read_message()) is not None:
            alive.set()
            await peer.write_message(message, binary=isinstance(message, bytes))
        return peer.close_code

    # After some faults Tornado waits for ever although the connection has ended. Then this function returns, and loop() opens
    # another connection. The old one is not cancelled: it may only be slow, and cancelling would look like a fault of Tornado.
    visit = asyncio.ensure_future(echo())
    while True:
        alive.clear()
        life = asyncio.ensure_future(alive.wait())
        await asyncio.wait([visit, life], timeout=LATE_S, return_when=asyncio.FIRST_COMPLETED)
        if visit.done():
            return visit.result()
        if not life.done():
            return LEFT_WAITING.append(visit)


async def loop(visit, url):
    code = None
    while code != 4321:
        try:
            code = await visit(url)
        except Exception:
            code = None  # a handshake that the suite makes fail


async def main(name, url):
    visit = {"websockets": visit_websockets, "aiohttp": visit_aiohttp, "tornado": visit_tornado}[name]
    await asyncio.gather(*(loop(visit, url) for _ in range(LOOPS)))


asyncio.run(main(*sys.argv[1:]))
