"""The venue's documented example of application and account authentication, with its address and credentials taken from
a sandbox's ready line, and an end after the last documented line."""

import asyncio as aio
import json
import sys

from websockets.asyncio.client import connect

venue = json.loads(sys.argv[1])["venues"]["ctrader"]
creds = venue["credentials"]


async def main() -> None:
    async with connect(venue["ws"]) as ws:
        print("connected to server")
        await ws.send(
            json.dumps(
                {"payloadType": 2100, "payload": {"clientId": creds["clientId"], "clientSecret": creds["clientSecret"]}}
            )
        )
        print("requested application authentication")
        if json.loads(await ws.recv())["payloadType"] != 2101:
            raise SystemExit("application authentication failed")
        print("application authentication completed")
        account = {"ctidTraderAccountId": creds["accountId"], "accessToken": creds["accessToken"]}
        await ws.send(json.dumps({"payloadType": 2102, "payload": account}))
        print("requested account authentication")
        if json.loads(await ws.recv())["payloadType"] != 2103:
            raise SystemExit("account authentication failed")
        print("account authentication completed")
        print("fully authenticated and ready for more communication with the server")


aio.run(main())
