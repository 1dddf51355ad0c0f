"""Follows topics over hawser.v1 with the package `websockets`, across disconnects: no message is missing or repeated.
Prints one line of JSON for each event: `message`, and `gap` where messages are lost for good.
    python3 hawser_v1.py ws://localhost:8080/ news prices"""
import asyncio
import json
import random
import sys

import websockets


class Follower:
    def __init__(self, url, topics):
        self.url = url
        self.positions = {topic: None for topic in topics}  # topic: {"epoch", "offset"} of its last message

    async def events(self):
        """Yields ("message", topic, data) and ("gap", topic, None). Connects again until the caller stops."""
        failures = 0
        while True:
            try:
                async with websockets.connect(self.url, subprotocols=["hawser.v1"], max_size=None) as socket:
                    for number, (topic, since) in enumerate(self.positions.items()):
                        subscribe = {"op": "subscribe", "id": number, "topic": topic, "since": since}
                        await socket.send(json.dumps(subscribe))
                    async for text in socket:
                        failures = 0
                        for event in self.received(json.loads(text)):
                            yield event
            except (OSError, asyncio.TimeoutError, websockets.WebSocketException):
                pass
            failures += 1
            await asyncio.sleep(random.uniform(0.1, min(30, 2 ** min(failures, 5))))  # full jitter

    def received(self, frame):
        op, topic = frame["op"], frame.get("topic")
        if op == "error" and frame["code"] in ("busy", "unavailable"):
            raise OSError(frame["code"])  # connects again later
        if op == "error":
            raise SystemExit(f"the server refused: {frame['code']}: {frame.get('message')}")
        known = self.positions.get(topic)
        if op in ("ok", "lost") and "epoch" in frame:
            self.positions[topic] = {"epoch": frame["epoch"], "offset": frame["offset"]}
            if known is not None and not frame.get("recovered"):
                yield "gap", topic, None
        elif op == "message" and topic in self.positions:
            if "offset" in frame:
                if frame["offset"] <= known["offset"]:
                    return  # already seen
                known["offset"] = frame["offset"]
            yield "message", topic, frame["data"] if "data" in frame else {"base64": frame["data64"]}


async def main(url, *topics):
    async for event, topic, data in Follower(url, topics).events():
        print(json.dumps({"event": event, "topic": topic, "data": data}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
