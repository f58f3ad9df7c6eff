import { element } from './dom.ts';
import type { Picture } from './views.ts';

/** Says beside a picture of which model it is. */
export class StepTag {
  readonly root = element('span', { class: 'step-tag number' });

  /** For a picture that stands on its own. */
  text = '';

  show({ step }: Picture): void {
    this.root.textContent = `step ${step}`;
    this.text = `After ${step.toLocaleString('en-US')} steps`;
  }
}
