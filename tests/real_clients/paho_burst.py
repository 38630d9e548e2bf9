"""Publishes COUNT points at QoS 1 without waiting in between, then waits for every PUBACK.

Arguments: HOST PORT TOKEN LEVEL(3|4|5) COUNT. Point n has ts 1700000000000 + n and value n.
"""
import json
import sys
import threading

import paho.mqtt.client as mqtt

host, port, token, level, count = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=level, client_id="burst" if level == 3 else "")
client.username_pw_set(token)
client.max_inflight_messages_set(100)
client.max_queued_messages_set(0)
done, acknowledged = threading.Event(), set()


def on_publish(_client, _userdata, mid, reason, _properties):
    assert not reason.is_failure, reason
    acknowledged.add(mid)
    if len(acknowledged) == count:
        done.set()


client.on_publish = on_publish
client.connect(host, port, 60)
client.loop_start()
for n in range(count):
    body = json.dumps({"ts": 1700000000000 + n, "values": {"n": n}})
    client.publish("v1/devices/me/telemetry", body, qos=1)
if not done.wait(30):
    sys.exit(f"only {len(acknowledged)} of {count} were acknowledged")
client.disconnect()
client.loop_stop()
