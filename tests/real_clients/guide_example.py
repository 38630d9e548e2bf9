import paho.mqtt.client as mqtt
import json
import time
ACCESS_TOKEN = "YOUR_ACCESS_TOKEN"
THINGSBOARD_HOST = "YOUR_SERVER_HOST"
client = mqtt.Client()
client.username_pw_set(ACCESS_TOKEN)
client.connect(THINGSBOARD_HOST, 1883, 60)
# Publish telemetry
telemetry = {"temperature": 25.5, "humidity": 65}
client.publish('v1/devices/me/telemetry', json.dumps(telemetry))
client.loop_start()
time.sleep(1)
client.loop_stop()
client.disconnect()
