/** `npm run example -- <name>` runs an example of this folder. */
const NAMES = ['autoencoder', 'classifier', 'own-operation'] as const;
const [example = ''] = process.argv.slice(2);
if (!(NAMES as readonly string[]).includes(example)) {
  console.error(`example: got ${example || 'no name'}, expected one of ${NAMES.join(', ')}`);
  process.exit(2);
}
const { run } = (await import(`./${example}.ts`)) as { run(): Promise<unknown> };
console.log(await run());

export {};
