// Globals that the published suites expect: mocha loads this before them.
import { createRequire } from 'node:module';
import * as chai from 'chai';
import chaiAsPromised from 'chai-as-promised';
import { JSDOM } from 'jsdom';

const require = createRequire(import.meta.url);
chai.use(chaiAsPromised);
global.expect = chai.expect;
global.JSDOM = JSDOM;
global.pryv = require('pryv');
global.testData = require('./test/test-data.js');
