// The command line in its repository: the sources are TypeScript and run as they are, tsx compiles each file when it is
// first imported. `tsconfig: false` keeps a tsconfig.json of the folder the command is called from out of that.
export async function start(args) {
  const { register } = await import('tsx/esm/api').catch((error) => {
    throw new Error(`webgpu-vae: its packages are not installed, run npm ci first (${error.message})`);
  });
  register({ tsconfig: false });
  const { main } = await import('../src/cli/main.ts');
  return main(args);
}
