import { adamChecks } from './adam.ts';
import type { Check } from './check.ts';
import { denseChecks } from './dense.ts';
import { finishStepChecks } from './finish-step.ts';
import { gatherChecks } from './gather.ts';
import { reparameterizeChecks } from './reparameterize.ts';
import { vaeChecks } from './vae.ts';

export { type Check, type CheckReport, type Difference, runCheck } from './check.ts';

/** Every accuracy check; names are unique. The same list in Node, in a page and in the tests. */
export function allChecks(): Check[] {
  return [
    ...gatherChecks(),
    ...denseChecks(),
    ...reparameterizeChecks(),
    ...finishStepChecks(),
    ...adamChecks(),
    ...vaeChecks(),
  ];
}
