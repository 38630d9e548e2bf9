"""aiocoap's whole round: telemetry in JSON, CBOR and blocks, attributes, observation, RPC both ways.

Arguments: URI of the device (coap://host:port/api/v1/TOKEN) REST_URL OPERATOR_TOKEN DEVICE_ID.
"""
import asyncio
import json
import sys
import urllib.request

from aiocoap import CONTENT, CREATED, NOT_FOUND, GET, POST, VALID, Context, Message

device_uri, rest, operator, device = sys.argv[1:5]


def operate(method, path, body):
    request = urllib.request.Request(rest + path, json.dumps(body).encode(), method=method)
    request.add_header("X-Authorization", "Bearer " + operator)
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=20) as answer:
        text = answer.read().decode()
        return json.loads(text) if text else None


async def main():
    context = await Context.create_client_context()

    async def ask(code, path, payload=b"", **options):
        message = Message(code=code, uri=f"{device_uri}/{path}", payload=payload, **options)
        return await asyncio.wait_for(context.request(message).response, 20)

    answer = await ask(GET, "attributes")
    assert answer.code == NOT_FOUND, answer
    answer = await ask(POST, "telemetry", b'{"json": 1}', content_format=50)
    assert answer.code == CREATED, answer
    answer = await ask(POST, "telemetry", b"\xa1\x64cbor\xf9\x3e\x00", content_format=60)
    assert answer.code == CREATED, answer
    answer = await ask(POST, "telemetry", json.dumps({"blocks": "b" * 5000}).encode())
    assert answer.code == CREATED, answer
    answer = await ask(POST, "attributes", json.dumps({"long": "l" * 3000}).encode())
    assert answer.code == CREATED, answer
    answer = await ask(GET, "attributes")
    assert answer.code == CONTENT, answer
    assert json.loads(answer.payload) == {"client": {"long": "l" * 3000}}, answer.payload
    answer = await ask(GET, "attributes?clientKeys=long", accept=60)
    assert answer.opt.content_format == 60 and answer.payload[:8] == b"\xa1\x66client", answer

    observed = context.request(Message(code=GET, uri=f"{device_uri}/attributes", observe=0))
    first = await asyncio.wait_for(observed.response, 20)
    assert first.code == CONTENT and json.loads(first.payload) == {}, first
    changes = aiter(observed.observation)
    loop = asyncio.get_running_loop()
    shared = f"/api/plugins/telemetry/DEVICE/{device}/SHARED_SCOPE"
    await loop.run_in_executor(None, operate, "POST", shared, {"target": 7})
    change = await asyncio.wait_for(anext(changes), 20)
    assert json.loads(change.payload) == {"target": 7}, change.payload
    observed.observation.cancel()

    requests = context.request(Message(code=GET, uri=f"{device_uri}/rpc", observe=0))
    first = await asyncio.wait_for(requests.response, 20)
    assert first.code == VALID, first
    orders = aiter(requests.observation)
    call = loop.run_in_executor(
        None, operate, "POST", f"/api/rpc/twoway/{device}", {"method": "add", "params": [1, 2]}
    )
    order = json.loads((await asyncio.wait_for(anext(orders), 20)).payload)
    assert (order["method"], order["params"]) == ("add", [1, 2]), order
    answer = await ask(POST, f"rpc/{order['id']}", b'{"sum":3}', content_format=50)
    assert answer.code == CREATED, answer
    assert await call == {"sum": 3}
    answer = await ask(POST, "rpc", b'{"method":"getTime","params":{}}')
    assert "time" in json.loads(answer.payload), answer.payload
    requests.observation.cancel()
    await context.shutdown()


asyncio.run(main())
