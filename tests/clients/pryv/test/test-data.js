// What the published suites of Pryv's clients are told of the server that they run against.
const serviceInfoUrl = process.env.DIURNAL_SERVICE_INFO;
const username = process.env.DIURNAL_USERNAME;
const password = process.env.DIURNAL_PASSWORD;

const data = {
  username,
  password,
  serviceInfoUrl,
  serviceInfo: null,
  token: null,
  apiEndpoint: null,
  apiEndpointWithToken: null
};

async function asked (url, given) {
  const answer = await fetch(url, given);
  if (!answer.ok && answer.status !== 409) {
    throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  }
  return await answer.json();
}

data.prepare = async function () {
  if (data.token) return data;
  data.serviceInfo = await asked(serviceInfoUrl);
  data.apiEndpoint = data.serviceInfo.api.replace('{username}', username);
  const headers = { 'Content-Type': 'application/json', Origin: data.serviceInfo.register };
  const signedIn = await asked(data.apiEndpoint + 'auth/login', {
    method: 'POST',
    headers,
    body: JSON.stringify({ username, password, appId: 'jslib-test' })
  });
  data.token = signedIn.token;
  data.apiEndpointWithToken = data.apiEndpoint.replace('://', `://${data.token}@`);
  for (const id of ['data', 'monitor-test']) {
    await asked(data.apiEndpoint + 'streams', {
      method: 'POST',
      headers: { ...headers, Authorization: data.token },
      body: JSON.stringify({ id, name: id })
    });
  }
  return data;
};

module.exports = data;
