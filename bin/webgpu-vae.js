#!/usr/bin/env node
// The sources are TypeScript and run as they are: tsx compiles each file when it is first imported.
// `tsconfig: false` keeps a tsconfig.json of the folder the command is called from out of that.
import { register } from 'tsx/esm/api';

register({ tsconfig: false });
const { main } = await import('../src/cli/main.ts');
process.exitCode = await main(process.argv.slice(2));
