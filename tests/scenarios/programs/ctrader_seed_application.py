"""The venue's documented example of application authentication alone, with its address and credentials taken from a
sandbox's ready line."""

import asyncio as aio
import json
import sys

from websockets.asyncio.client import connect

venue = json.loads(sys.argv[1])["venues"]["ctrader"]
creds = venue["credentials"]


async def main() -> None:
    async with connect(venue["ws"]) as ws:
        print("connected to server")
        client_msg = {
            "payloadType": 2100,
            "payload": {"clientId": creds["clientId"], "clientSecret": creds["clientSecret"]},
        }
        print("requested application authentication")
        await ws.send(json.dumps(client_msg))
        server_msg = json.loads(await ws.recv())
        if server_msg["payloadType"] != 2101:
            raise SystemExit("application authentication failed")
        print("application authentication completed")
        print("partially authenticated")


aio.run(main())
