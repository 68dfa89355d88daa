// Uses the package of 2014 (pryv 0.1.10) against this server: reads, writes, and hears of a change.
const Module = require('node:module');
const http = require('node:http');

// Its files were published with names whose case only some file systems forgive.
const resolve = Module._resolveFilename;
Module._resolveFilename = function (name, ...more) {
  return resolve.call(this, name.replace(/utility\/utility(?=[.-]|$)/, 'utility/Utility')
    .replace(/^\.\/utility(?=[.-])/, './Utility'), ...more);
};
const pryv = require('pryv-0.1.10');

const base = new URL(process.env.DIURNAL_TEST_URL);
const username = process.env.DIURNAL_TEST_USERNAME;
const auth = process.env.DIURNAL_TEST_TOKEN;
const connection = new pryv.Connection({
  username,
  auth,
  port: Number(base.port),
  ssl: false,
  extraPath: `/pryv/${username}`
});

// It always asks the user's own host name; there is no name service here.
connection.settings.domain = 'localhost';
http.globalAgent.options.lookup = (_name, options, done) => {
  const found = { address: base.hostname, family: 4 };
  return options.all ? done(null, [found]) : done(null, found.address, found.family);
};

const said = (call) => new Promise((resolve, reject) => {
  call((error, result) => error ? reject(new Error(JSON.stringify(error))) : resolve(result));
});

async function main () {
  await said((done) => connection.accessInfo(done));
  await said((done) => connection.streams.create({ id: 'old', name: 'Old' }, done));
  await said((done) => connection.events.create(
    { streamId: 'old', type: 'note/txt', content: 'from 2014', tags: ['a'] }, done));
  const events = await said((done) => connection.events.get({ limit: 5, streams: ['old'] }, done));
  if (events[0].content !== 'from 2014') throw new Error('nothing was read back');
  const heard = await new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error('nothing was heard')), 8000).unref();
    const io = require(resolveClient()).connect(
      `http://${base.host}/pryv/${username}/${username}?auth=${auth}&resource=/${username}`,
      { 'force new connection': true });
    io.on('error', (error) => reject(new Error(String(error))));
    io.on('eventsChanged', () => resolve('eventsChanged'));
    io.on('connect', () => {
      io.emit('events.create', { streamId: 'old', type: 'note/txt', content: 'live' },
        (error) => { if (error) reject(new Error(JSON.stringify(error))); });
    });
  });
  console.log(JSON.stringify({ read: events.length, heard }));
  process.exit(0);
}

function resolveClient () {
  return require.resolve('socket.io-client', { paths: [require.resolve('pryv-0.1.10')] });
}

main().catch((error) => { console.error(error); process.exit(1); });
