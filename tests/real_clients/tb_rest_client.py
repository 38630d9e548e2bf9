"""ThingsBoard's REST client (tb-rest-client 4.4) manages a device from login to deletion.

Arguments: base URL, user name, password. The device itself speaks HTTP (long polls).
Exits non-zero at the first thing that is not as ThingsBoard has it.
"""

import json
import sys
import threading
import time
import uuid

# This script has the package's name: without this it would import itself.
sys.path.pop(0)

import requests
from tb_rest_client.models import Device, DeviceProfile
from tb_rest_client.rest import ApiException
from tb_rest_client.rest_client import RestClient

base, username, password = sys.argv[1:4]
NULL_CUSTOMER = "13814000-1dd2-11b2-8080-808080808080"


def expect(what, found, wanted):
    assert found == wanted, f"{what}: {found!r} instead of {wanted!r}"


def refused(status, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except ApiException as refusal:
        expect("status", refusal.status, status)
        return json.loads(refusal.body)
    raise AssertionError(f"no {status}")


def answer_rpcs(token, answers):
    """The device: takes one RPC a poll, and answers it."""
    for reply in answers:
        poll = requests.get(f"{base}/api/v1/{token}/rpc", params={"timeout": 20000}, timeout=30)
        expect("poll", poll.status_code, 200)
        request = poll.json()
        if reply is not None:
            answer = requests.post(f"{base}/api/v1/{token}/rpc/{request['id']}",
                                   data=json.dumps({**reply, "method": request["method"]}), timeout=30)
            expect("reply", answer.status_code, 200)


def device_thread(token, *answers):
    thread = threading.Thread(target=answer_rpcs, args=(token, answers))
    thread.start()
    return thread


def devices(client):
    name = f"rest-{uuid.uuid4()}"
    user = client.get_user()
    expect("e-mail", user.email, username)
    expect("authority", user.authority, "TENANT_ADMIN")

    made = client.save_device(Device(name=name, type="pumps"))
    expect("name", made.name, name)
    expect("type", made.type, "pumps")
    expect("customer", made.customer_id.id, NULL_CUSTOMER)
    made.label = "cellar"
    changed = client.save_device(made)
    expect("label", changed.label, "cellar")
    refused(409, client.save_device, made)
    expect("same name", refused(400, client.save_device, Device(name=name, type="pumps"))["message"],
           "Device with such name already exists!")

    found = client.get_device_by_id(made.id)
    expect("read", (found.id.id, found.label), (made.id.id, "cellar"))
    expect("by name", client.get_tenant_device(name).id.id, made.id.id)
    expect("by ids", [d.id.id for d in client.get_devices_by_ids([made.id.id])], [made.id.id])
    page = client.get_tenant_devices(page_size=10, page=0, text_search=name)
    expect("page", ([d.name for d in page.data], page.total_elements, page.has_next), ([name], 1, False))
    infos = client.get_tenant_device_infos(page_size=10, page=0, text_search=name)
    expect("info", (infos.data[0].name, infos.data[0].active), (name, False))
    assert "pumps" in [kind.type for kind in client.get_device_types()]
    with_token = client.save_device(Device(name=f"{name}-t", type="default"), access_token=f"{name}-t")
    expect("given token", client.get_device_credentials_by_device_id(with_token.id).credentials_id, f"{name}-t")
    client.delete_device(with_token.id)
    return made


def credentials(client, device):
    record = client.get_device_credentials_by_device_id(device.id)
    expect("kind", record.credentials_type, "ACCESS_TOKEN")
    old = record.credentials_id
    expect("old token", requests.post(f"{base}/api/v1/{old}/telemetry", data='{"old":1}', timeout=30).status_code, 200)
    record.credentials_id = f"token-{uuid.uuid4()}"
    saved = client.update_device_credentials(record)
    expect("new token", saved.credentials_id, record.credentials_id)
    expect("old token", requests.post(f"{base}/api/v1/{old}/telemetry", data='{"old":2}', timeout=30).status_code, 401)
    return saved.credentials_id


def profiles(client):
    name = f"profile-{uuid.uuid4()}"
    default = client.get_default_device_profile_info()
    expect("default profile", client.get_device_profile_by_id(default.id).default, True)
    saved = client.save_device_profile(DeviceProfile(name=name, type="DEFAULT", transport_type="DEFAULT"))
    expect("profile", client.get_device_profile_info_by_id(saved.id).name, name)
    page = client.get_device_profiles(page_size=10, page=0, text_search=name)
    expect("profiles", [profile.name for profile in page.data], [name])


def telemetry(client, device):
    rows = [{"ts": ts, "values": {"t": 20.5 + ts / 1000, "n": ts}} for ts in range(1000, 6000, 1000)]
    expect("save", client.save_entity_telemetry(device.id, "ANY", rows), None)
    expect("save with ttl", client.save_entity_telemetry_with_ttl(device.id, "ANY", 0, {"ttl": True}), None)
    keys = client.get_timeseries_keys_v1(device.id)
    assert {"t", "n", "ttl"} <= set(keys), keys
    latest = client.get_latest_timeseries(device.id, keys="t,missing")
    expect("latest", (latest["t"][0].ts, latest["t"][0].value), (5000, "25.5"))
    expect("missing", latest["missing"][0].value, None)
    strict = client.get_latest_timeseries(device.id, keys="n", use_strict_data_types=True)
    expect("strict", strict["n"][0].value, 5000)
    points = client.get_timeseries(device.id, 1000, 4000, keys="n", order_by="ASC")
    expect("history", [point.value for point in points["n"]], ["1000", "2000", "3000"])
    sums = client.get_timeseries(device.id, 0, 6000, keys="n", interval=3000, agg="SUM")
    expect("sums", [(row.ts, row.value) for row in sums["n"]], [(1500, "3000"), (4500, "12000")])
    client.delete_entity_timeseries(device.id, keys="t", delete_all_data_for_keys=True)
    assert "t" not in client.get_timeseries_keys_v1(device.id)
    expect("unknown", refused(404, client.get_timeseries_keys_v1, type(device.id)(
        id=str(uuid.uuid4()), entity_type="DEVICE"))["message"], "Device with requested id wasn't found!")


def attributes(client, device, token):
    client.save_device_attributes(device.id, "SERVER_SCOPE", {"serial": "007", "rack": 3})
    client.save_entity_attributes_v1(device.id, "SHARED_SCOPE", {"target": 21.0})
    client.save_entity_attributes_v2(device.id, "SHARED_SCOPE", {"mode": {"night": True}})
    shared = {a.key: a.value for a in client.get_attributes_by_scope(device.id, "SHARED_SCOPE")}
    expect("shared", shared, {"target": 21.0, "mode": {"night": True}})
    server = {a.key: a.value for a in client.get_attributes_by_scope(device.id, "SERVER_SCOPE", keys="serial,rack")}
    expect("server", server, {"serial": "007", "rack": 3})
    seen = requests.get(f"{base}/api/v1/{token}/attributes", params={"sharedKeys": "target,mode"}, timeout=30).json()
    expect("device sees", seen, {"shared": {"target": 21.0, "mode": {"night": True}}})
    client.delete_entity_attributes(device.id, "SHARED_SCOPE", keys="mode")
    expect("keys", client.get_attribute_keys_by_scope(device.id, "SHARED_SCOPE"), ["target"])
    assert "active" in client.get_attribute_keys(device.id)
    expect("scope", refused(400, client.save_device_attributes, device.id, "CLIENT_SCOPE", {"a": 1})["message"],
           "Invalid scope: CLIENT_SCOPE")


def rpcs(client, device, token):
    order = {"method": "setGpio", "params": {"pin": 7}}
    thread = device_thread(token, {"v": 2}, {"v": 1}, None)
    expect("two-way v2", client.handle_two_way_device_rpc_request_v1(device.id, order), {"v": 2, "method": "setGpio"})
    expect("two-way v1", client.handle_two_way_device_rpc_request(device.id, order), {"v": 1, "method": "setGpio"})
    expect("one-way", client.handle_one_way_device_rpc_request_v1(device.id, order), None)
    thread.join()
    soon = {**order, "expirationTime": int(time.time() * 1000) + 300}
    refused(504, client.handle_one_way_device_rpc_request_v1, device.id, soon)
    refused(409, client.handle_one_way_device_rpc_request, device.id, soon)

    kept = client.handle_two_way_device_rpc_request_v1(device.id, {**order, "persistent": True, "timeout": 60000})
    rpc = client.get_persisted_rpc(kept["rpcId"])
    expect("status", rpc.status, "QUEUED")
    device_thread(token, {"kept": True}).join()
    for _ in range(200):
        rpc = client.get_persisted_rpc(kept["rpcId"])
        if rpc.status == "SUCCESSFUL":
            break
        time.sleep(0.05)
    expect("status", rpc.status, "SUCCESSFUL")
    page = client.get_persisted_rpc_by_device(device.id, page_size=10, page=0, rpc_status="SUCCESSFUL")
    rows = page["data"] if isinstance(page, dict) else page.data
    expect("records", len(rows), 1)
    client.delete_rpc(kept["rpcId"])
    refused(404, client.get_persisted_rpc, kept["rpcId"])


def main():
    with RestClient(base_url=base) as client:
        client.login(username=username, password=password)
        device = devices(client)
        token = credentials(client, device)
        profiles(client)
        telemetry(client, device)
        attributes(client, device, token)
        rpcs(client, device, token)
        client.delete_device(device.id)
        refused(404, client.get_device_by_id, device.id)
        client.refresh()
        expect("after refresh", client.get_user().email, username)
        client.logout()
        expect("after logout", refused(401, client.get_user)["errorCode"], 10)
    print("tb-rest-client: all as expected")


main()
