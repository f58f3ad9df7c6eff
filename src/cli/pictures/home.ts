/** The canvas asks for the user's home when it is loaded, and ends the process where there is none: it gets another folder to look into. */

import { tmpdir } from 'node:os';
import { homeFolder } from 'webgpu-vae/node';

if (homeFolder() === undefined) process.env.HOME = tmpdir();
