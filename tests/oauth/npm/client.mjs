// An OpenID Connect client from npm goes through our flows; the test is its user.
// A line of JSON with the address to visit goes out, the address that the user came back to comes in.
import * as readline from 'node:readline/promises';
import * as client from 'openid-client';

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const tell = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
const hear = async () => (await lines.next()).value;
const [issuer, id, secret, back] = process.argv.slice(2);
const loose = { execute: [client.allowInsecureRequests] };

async function codeFlow(config) {
  const verifier = client.randomPKCECodeVerifier();
  const checks = {
    pkceCodeVerifier: verifier,
    expectedState: client.randomState(),
    expectedNonce: client.randomNonce(),
    idTokenExpected: true,
  };
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: back,
    scope: 'openid profile read:heart',
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  });
  tell({ visit: url.href });
  return client.authorizationCodeGrant(config, new URL(await hear()), checks);
}

const config = await client.discovery(new URL(issuer), id, secret, undefined, loose);
const tokens = await codeFlow(config);
const claims = tokens.claims();
const info = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
const again = await client.refreshTokenGrant(config, tokens.refresh_token);
const known = await client.tokenIntrospection(config, again.access_token);
await client.tokenRevocation(config, again.access_token);
const gone = await client.tokenIntrospection(config, again.access_token);
tell({ claims, info, scope: again.scope, known: known.active, gone: gone.active });

const registered = await client.dynamicClientRegistration(
  new URL(issuer),
  { redirect_uris: [back], client_name: 'Registered itself', token_endpoint_auth_method: 'none' },
  client.None(),
  loose,
);
const pub = await codeFlow(registered);
const device = await client.initiateDeviceAuthorization(registered, { scope: 'read:heart' });
tell({ visit: device.verification_uri_complete });
await hear();
const polled = await client.pollDeviceAuthorizationGrant(registered, { ...device, interval: 1 });
tell({ public: pub.scope, device: polled.scope });
process.exit(0);
