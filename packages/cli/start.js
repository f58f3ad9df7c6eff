// The command line as it is published: compiled and bundled.
export async function start(args) {
  const { main } = await import('../lib/cli/main.js');
  return main(args);
}
