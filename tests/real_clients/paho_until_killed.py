"""Publishes numbered points at QoS 1 for ever, over every reconnection, and notes each one that
was acknowledged in LOG, one number a line. Ends by being killed.

Arguments: HOST PORT TOKEN LOG. Point n has ts 1700000000000 + n and value n.
"""
import json
import sys
import time

import paho.mqtt.client as mqtt

host, port, token, log = sys.argv[1], int(sys.argv[2]), sys.argv[3], open(sys.argv[4], "a", buffering=1)
waiting, window, number = {}, 50, 0


def on_publish(_client, _userdata, mid, reason, _properties):
    n = waiting.pop(mid, None)
    if n is not None and not reason.is_failure:
        log.write(f"{n}\n")


while True:
    waiting.clear()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.username_pw_set(token)
    client.max_inflight_messages_set(window)
    client.on_publish = on_publish
    try:
        client.connect(host, port, 60)
    except OSError:
        time.sleep(0.02)
        continue
    while True:
        while len(waiting) < window and client.is_connected():
            body = json.dumps({"ts": 1700000000000 + number, "values": {"n": number}})
            waiting[client.publish("v1/devices/me/telemetry", body, qos=1).mid] = number
            number += 1
        if client.loop(timeout=0.05) != mqtt.MQTT_ERR_SUCCESS:
            break
    time.sleep(0.02)
