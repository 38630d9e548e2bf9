"""The ThingsBoard device SDK's whole round against a running server.

Arguments: HOST PORT TOKEN REST_URL OPERATOR_TOKEN DEVICE_ID. Exits non-zero when anything is missing.
"""
import sys
import threading
import time

import requests
from tb_device_mqtt import TBDeviceMqttClient, TBPublishInfo

host, port, token, rest, operator, device = sys.argv[1:7]
headers = {"X-Authorization": "Bearer " + operator}
connected = threading.Event()


class Client(TBDeviceMqttClient):
    """Tells when it is connected and has subscribed.

    `connect(callback=…)` cannot: the SDK starts its loop before it notes the callback, so a
    CONNACK that comes at once is handled without it.
    """

    def _on_connect(self, *arguments):
        super()._on_connect(*arguments)
        connected.set()


client = Client(host, int(port), username=token)


def wait(what, event, seconds=15):
    if not event.wait(seconds):
        sys.exit("waited in vain for " + what)


def shared(**values):
    url = f"{rest}/api/plugins/telemetry/DEVICE/{device}/SHARED_SCOPE"
    assert requests.post(url, json=values, headers=headers, timeout=10).status_code == 200


shared(targetTemp=20, mode="eco")

client.connect()
wait("the connection", connected)

# Telemetry with and without a time of its own; get() waits for the PUBACK.
for body in ({"temperature": 41.9, "enabled": False}, {"ts": 1700000000000, "values": {"old": 1}}):
    assert client.send_telemetry(body).get() == TBPublishInfo.TB_ERR_SUCCESS
assert client.send_attributes({"fw": "1.2.3", "nested": {"a": [1, 2]}}).get() == TBPublishInfo.TB_ERR_SUCCESS

# Attribute request: the answer comes on the response topic.
answered, answer = threading.Event(), {}


def on_attributes(response, exception):
    assert exception is None, exception
    answer.update(response)
    answered.set()


client.request_attributes(["fw", "nested"], ["targetTemp", "none"], callback=on_attributes)
wait("the attribute response", answered)
assert answer == {"client": {"fw": "1.2.3", "nested": {"a": [1, 2]}}, "shared": {"targetTemp": 20}}, answer

# Updates of one shared key.
updated, update = threading.Event(), {}


def on_update(change, *_):
    update.update(change)
    updated.set()


client.subscribe_to_attribute("targetTemp", on_update)
shared(targetTemp=23)
wait("the attribute update", updated)
assert update == {"targetTemp": 23}, update

# A command from the server, answered by the device.
client.set_server_side_rpc_request_handler(lambda request_id, request: client.send_rpc_reply(request_id, {"was": request["params"]}))
reply = requests.post(f"{rest}/api/rpc/twoway/{device}", json={"method": "set", "params": {"v": 5}, "timeout": 10000}, headers=headers, timeout=30)
assert (reply.status_code, reply.json()) == (200, {"was": {"v": 5}}), (reply.status_code, reply.text)

# A command from the device, answered by the server.
told, time_told = threading.Event(), []


def on_time(_request_id, response, exception):
    assert exception is None, exception
    time_told.append(response)
    told.set()


client.send_rpc_call("getTime", {}, on_time)
wait("the client RPC's answer", told)
assert abs(time_told[0]["time"] - time.time() * 1000) < 60_000, time_told

unhandled = threading.Event()
client.send_rpc_call("noSuchMethod", {}, lambda _id, response, _e: "error" in response and unhandled.set())
wait("the error of an unknown client RPC", unhandled, 5)

client.disconnect()
client.stop()
