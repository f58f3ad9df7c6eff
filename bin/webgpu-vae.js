#!/usr/bin/env node
// A Node that is too old must still be able to read this file and say so: no `import` or `await` at the top, nothing newer
// than `import()`.
const NEEDED = [20, 19];
const version = process.versions.node;
const [major, minor] = version.split('.').map(Number);

const fail = (message) => {
  console.error(`error: ${message}`);
  process.exitCode = 1;
};

if (major < NEEDED[0] || (major === NEEDED[0] && minor < NEEDED[1])) {
  fail(`webgpu-vae needs Node ${NEEDED.join('.')} or newer, this is Node ${version}: get one from https://nodejs.org`);
} else {
  process.exitCode = 1; // until the command has come to an end
  import('./start.js')
    .then(({ start }) => start(process.argv.slice(2)))
    .then(
      (exitCode) => (process.exitCode = exitCode),
      (error) => fail(error.message),
    );
}
