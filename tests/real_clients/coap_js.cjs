// npm's `coap` against a running server: telemetry, attributes, observation.
// Arguments: HOST PORT TOKEN REST_URL OPERATOR_TOKEN DEVICE_ID. Exits non-zero on any failure.
const assert = require('node:assert');
const coap = require('coap');
const [host, port, token, rest, operator, device] = process.argv.slice(2);

const guard = setTimeout(() => { console.error('not done in 30 s'); process.exit(1); }, 30000);

function ask(method, path, { body, observe, query, blocks, confirmable = true } = {}) {
  return new Promise((resolve, reject) => {
    const request = coap.request({
      host, port: Number(port), method, pathname: `/api/v1/${token}/${path}`, query, observe, confirmable,
      options: body === undefined ? {} : { 'Content-Format': 'application/json' },
    });
    if (blocks) request.setOption('Block1', Buffer.from([0x06]));
    request.on('response', resolve);
    request.on('error', reject);
    request.end(body);
  });
}

async function main() {
  for (const confirmable of [true, false]) {
    const answer = await ask('POST', 'telemetry', { body: JSON.stringify({ [`con_${confirmable}`]: 1 }), confirmable });
    assert.strictEqual(answer.code, '2.01');
  }
  const long = 'n'.repeat(3000);
  assert.strictEqual((await ask('POST', 'attributes', { body: '{"fw":"1.0"}' })).code, '2.01');
  const read = await ask('GET', 'attributes', { query: 'clientKeys=fw' });
  assert.deepStrictEqual(JSON.parse(read.payload), { client: { fw: '1.0' } });
  assert.strictEqual((await ask('POST', 'telemetry', { body: JSON.stringify({ long }), blocks: true })).code, '2.01');

  const stream = await ask('GET', 'attributes', { observe: true });
  const values = [];
  let wake = () => {};
  stream.on('data', (chunk) => { values.push(JSON.parse(chunk)); wake(); });
  const until = async (count) => { while (values.length < count) await new Promise((resolve) => { wake = resolve; }); };
  await until(1);
  assert.deepStrictEqual(values[0], {});
  for (const target of [7, 8]) {
    const saved = await fetch(`${rest}/api/plugins/telemetry/DEVICE/${device}/SHARED_SCOPE`, {
      method: 'POST',
      headers: { 'X-Authorization': `Bearer ${operator}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ target }),
    });
    assert.strictEqual(saved.status, 200);
    await until(target - 5);
  }
  assert.deepStrictEqual(values, [{}, { target: 7 }, { target: 8 }]);
  stream.close();
  clearTimeout(guard);
  process.exit(0);
}

main().catch((error) => { console.error(error); process.exit(1); });
