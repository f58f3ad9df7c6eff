import { element } from './dom.ts';
import type { Picture } from './views.ts';

/** Says beside a picture of which model it is. */
export class StepTag {
  readonly root = element('span', { class: 'step-tag number' });

  show({ step }: Picture): void {
    this.root.textContent = `step ${step}`;
  }
}
