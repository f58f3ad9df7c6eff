import { element } from './dom.ts';
import type { Picture } from './views.ts';

/** Says beside a picture of which model it is. */
export class StepTag {
  readonly root = element('span', { class: 'step-tag number' });

  /** For a picture that stands on its own. */
  text = '';

  show({ step, name }: Picture): void {
    this.root.textContent = name ?? `step ${step}`;
    this.text = name ? `Of the ${name}` : `After ${step.toLocaleString('en-US')} steps`;
  }
}
