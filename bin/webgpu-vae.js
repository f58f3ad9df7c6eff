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

// The sources are TypeScript and run as they are: tsx compiles each file when it is first imported.
// `tsconfig: false` keeps a tsconfig.json of the folder the command is called from out of that.
const run = ({ register }) => {
  register({ tsconfig: false });
  return import('../src/cli/main.ts').then(({ main }) => main(process.argv.slice(2)));
};

if (major < NEEDED[0] || (major === NEEDED[0] && minor < NEEDED[1])) {
  fail(`webgpu-vae needs Node ${NEEDED.join('.')} or newer, this is Node ${version}: get one from https://nodejs.org`);
} else {
  process.exitCode = 1; // until the command has come to an end
  import('tsx/esm/api').then(
    (tsx) => run(tsx).then((exitCode) => (process.exitCode = exitCode)),
    (error) => fail(`webgpu-vae: its packages are not installed, run npm ci first (${error.message})`),
  );
}
