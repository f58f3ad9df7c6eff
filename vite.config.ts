import { defineConfig } from 'vite';

/** Pages are static files that work from any folder of a server; browsers with WebGPU need no older syntax. */
export default defineConfig({
  base: './',
  build: { target: 'es2023', sourcemap: true },
});
