// mqtt.js against a running server: publishes at all QoS, asks for attributes, answers an RPC.
// Arguments: URL TOKEN LEVEL(4|5) REST_URL OPERATOR_TOKEN DEVICE_ID. Exits non-zero on any failure.
const assert = require('node:assert');
const mqtt = require('mqtt');
const [url, token, level, rest, operator, device] = process.argv.slice(2);
const base = 'v1/devices/me';

const guard = setTimeout(() => { console.error('not done in 30 s'); process.exit(1); }, 30000);

async function main() {
  const client = await mqtt.connectAsync(url, { username: token, protocolVersion: Number(level), reconnectPeriod: 0 });
  const waiting = new Map();
  const next = (topic) => new Promise((resolve) => waiting.set(topic, resolve));
  client.on('message', (topic, payload) => {
    for (const [prefix, resolve] of waiting) {
      if (topic.startsWith(prefix)) { waiting.delete(prefix); resolve([topic, JSON.parse(payload)]); }
    }
  });
  for (const qos of [0, 1, 2]) {
    await client.publishAsync(`${base}/telemetry`, JSON.stringify({ [`qos${qos}`]: qos }), { qos });
  }
  const granted = await client.subscribeAsync([`${base}/attributes/response/+`, `${base}/rpc/request/+`, `${base}/attributes`], { qos: 1 });
  assert.deepStrictEqual(granted.map((grant) => grant.qos), [1, 1, 1]);

  const answer = next(`${base}/attributes/response/9`);
  await client.publishAsync(`${base}/attributes/request/9`, '{"sharedKeys":"target"}', { qos: 1 });
  assert.deepStrictEqual((await answer)[1], { shared: { target: 7 } });

  const request = next(`${base}/rpc/request/`);
  const call = fetch(`${rest}/api/rpc/twoway/${device}`, {
    method: 'POST',
    headers: { 'X-Authorization': `Bearer ${operator}` },
    body: JSON.stringify({ method: 'add', params: [1, 2], timeout: 10000 }),
  });
  const [topic, body] = await request;
  assert.deepStrictEqual(body, { method: 'add', params: [1, 2] });
  await client.publishAsync(topic.replace('request', 'response'), '{"sum":3}', { qos: 1 });
  const reply = await call;
  assert.deepStrictEqual([reply.status, await reply.json()], [200, { sum: 3 }]);
  await client.endAsync();
  clearTimeout(guard);
}

main().catch((error) => { console.error(error); process.exit(1); });
