"""An echo client of `websockets`, `aiohttp` or `tornado`, which connects again after each end, until a Close with 4321."""
import asyncio
import sys

LOOPS = 4


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

    # Some answers that it cannot take leave it waiting.
    connecting = websocket_connect(url, compression_options={}, max_message_size=2**25)
    peer = await asyncio.wait_for(connecting, 2)
    # Nor does it end with every fault.
    while (message := await asyncio.wait_for(peer.read_message(), 6)) is not None:
        await peer.write_message(message, binary=isinstance(message, bytes))
    return peer.close_code


async def loop(visit, url):
    code = None
    while code != 4321:
        try:
            code = await visit(url)
        except Exception:
            code = None  # a handshake that had to fail


async def main(name, url):
    visit = {"websockets": visit_websockets, "aiohttp": visit_aiohttp, "tornado": visit_tornado}[name]
    await asyncio.gather(*(loop(visit, url) for _ in range(LOOPS)))


asyncio.run(main(*sys.argv[1:]))
