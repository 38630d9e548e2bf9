"""aiocoap under DTLS by pre-shared key (tinydtls): telemetry, a body in blocks, an observation.

Arguments: URI (coaps://host:port/api/v1) IDENTITY KEY REST_URL OPERATOR_TOKEN DEVICE_ID.
"""
import asyncio
import json
import sys
import urllib.request

from aiocoap import CREATED, GET, POST, Context, Message

base, identity, key, rest, operator, device = sys.argv[1:7]


def share(value):
    path = f"{rest}/api/plugins/telemetry/DEVICE/{device}/SHARED_SCOPE"
    request = urllib.request.Request(path, json.dumps(value).encode(), method="POST")
    request.add_header("X-Authorization", "Bearer " + operator)
    request.add_header("Content-Type", "application/json")
    urllib.request.urlopen(request, timeout=20).close()


async def main():
    context = await Context.create_client_context()
    host = base.removeprefix("coaps://").split("/")[0]
    dtls = {"psk": {"ascii": key}, "client-identity": {"ascii": identity}}
    context.client_credentials.load_from_dict({f"coaps://{host}/*": {"dtls": dtls}})
    for body in [b'{"json": 1}', json.dumps({"blocks": "b" * 3000}).encode()]:
        message = Message(code=POST, uri=f"{base}/telemetry", payload=body, content_format=50)
        answer = await asyncio.wait_for(context.request(message).response, 20)
        assert answer.code == CREATED, answer
    request = context.request(Message(code=GET, uri=f"{base}/attributes", observe=0))
    first = await asyncio.wait_for(request.response, 20)
    assert first.payload == b"{}", first
    changes = aiter(request.observation)
    await asyncio.to_thread(share, {"target": 7})
    change = await asyncio.wait_for(anext(changes), 20)
    assert json.loads(change.payload) == {"target": 7}, change
    await context.shutdown()


asyncio.run(main())
