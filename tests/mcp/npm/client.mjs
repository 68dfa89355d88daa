// The TypeScript SDK's client talks to our door: lists the tools, asks for days, prints one object.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const [url, token, from, to, ...measures] = process.argv.slice(2);
const client = new Client({ name: 'diurnal-tests', version: '0.0.0' });
const headers = { Authorization: `Bearer ${token}` };
await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
const call = async (name, args) => {
  const told = await client.callTool({ name, arguments: args });
  return told.isError ? { error: told.content[0].text } : told.structuredContent;
};
const { tools } = await client.listTools();
const overview = await call('overview', {});
const days = {};
for (let i = 0; i < measures.length; i += 20) {
  const some = await call('days', { measures: measures.slice(i, i + 20), from, to, by: 'none' });
  Object.assign(days, some.measures ?? { error: some.error });
}
process.stdout.write(JSON.stringify({ server: client.getServerVersion(), tools, overview, days }));
await client.close();
