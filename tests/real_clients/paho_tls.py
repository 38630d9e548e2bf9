"""Publishes one value at QoS 1. Arguments: PORT tcp|websockets CA_FILE|- TOKEN."""
import json
import sys

import paho.mqtt.client as mqtt

port, transport, ca, token = sys.argv[1:]
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, transport=transport)
client.username_pw_set(token)
if ca != "-":
    client.tls_set(ca_certs=ca)
if transport == "websockets":
    client.ws_set_options(path="/mqtt")
client.connect("127.0.0.1", int(port), 60)
client.loop_start()
sent = client.publish("v1/devices/me/telemetry", json.dumps({"over": transport}), qos=1)
sent.wait_for_publish(20)
assert sent.is_published()
client.disconnect()
client.loop_stop()
