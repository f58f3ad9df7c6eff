import type { VaeConfig } from 'webgpu-vae';
import { button, element, region } from './dom.ts';
import { DEFAULTS, formatHash } from './settings.ts';

/** Experiments that teach something, as links that anybody can pass on. */
const PRESETS: readonly { name: string; text: string; config: Partial<VaeConfig> }[] = [
  { name: 'The usual one', text: 'two numbers for every digit', config: {} },
  {
    name: 'β too large',
    text: 'being tidy is all that counts: every digit comes out as the same blur',
    config: { beta: 1000 },
  },
  { name: 'β = 0', text: 'being tidy does not count: islands, with nonsense between them', config: { beta: 0 } },
  { name: 'One number', text: 'all digits in a row', config: { latent: 1 } },
  {
    name: 'Twenty numbers',
    text: 'sharper pictures, but only two of the twenty fit on a screen',
    config: { latent: 20 },
  },
  {
    name: 'Convolutional',
    text: 'layers that slide a small window over the image: slower, but they know what lies beside what',
    config: { arch: 'conv' },
  },
  {
    name: 'Gaussian pixels',
    text: 'grey levels instead of chances of ink, and a σ of the pixels that is learned, too',
    config: { likelihood: 'gaussian' },
  },
  {
    name: 'Learning rate too large',
    text: 'every step overshoots, and after a few of them a number has left all bounds',
    config: { learningRate: 0.2 },
  },
];

/** Links to experiments: each begins a run with other settings. */
export class Presets {
  readonly root: HTMLElement;

  /**
   * @param more buttons of what is no link
   * @param onFashion the visitor has given the files of Fashion-MNIST
   */
  constructor(more: readonly HTMLElement[], onFashion: (files: File[]) => void) {
    const input = element('input', {
      type: 'file',
      multiple: true,
      hidden: true,
      'aria-label': 'Fashion-MNIST’s files',
    });
    input.addEventListener('change', () => {
      const files = [...(input.files ?? [])];
      input.value = '';
      if (files.length > 0) onFashion(files);
    });
    const fashion = button('Fashion-MNIST…', () => input.click());
    const links = PRESETS.map(({ name, text, config }) =>
      element('li', {}, element('a', { href: formatHash({ ...DEFAULTS, ...config }) }, name), `: ${text}`),
    );
    this.root = region(
      'Experiments',
      element('ul', { class: 'presets' }, ...links),
      element('div', { class: 'buttons' }, ...more, fashion, input),
      element(
        'p',
        { class: 'hint' },
        'Clothes instead of digits: the button takes the four files of ',
        element('a', { href: 'https://github.com/zalandoresearch/fashion-mnist', rel: 'noreferrer' }, 'Fashion-MNIST'),
        ', as they come.',
      ),
    );
  }
}
