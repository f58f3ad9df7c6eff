import { element, region } from './dom.ts';

/** The page's words, explained to somebody of sixteen who has never heard them. */
export const WORDS = {
  encoder:
    'The half of the network that reads. It turns an image, 784 grey values of MNIST, into a place on the plane: μ, and how sure it is of it: σ.',
  decoder: 'The half of the network that draws. It turns a place z back into an image.',
  'latent plane':
    'A map that the model draws up by itself. Every place on it stands for an image, and neighbours look alike. Nobody tells the model which digit is which: that equal digits gather is what it finds out.',
  z: 'A place on the map: one number for each dimension, two for a plane.',
  μ: '“Mu”: the middle of the cloud where an image belongs, and so its dot on the plane.',
  σ: '“Sigma”: how wide that cloud is. Small: the model is sure of the place. Large: many places would do.',
  ε: '“Epsilon”: pure chance, as from a die, mostly between −2 and 2. It says which point of the cloud is taken: z = μ + σ · ε. Because of it neighbouring places have to mean similar images.',
  β: '“Beta”: how much KL counts beside BCE. 0: a tidy map does not matter. Large: nothing else does.',
  BCE: 'Binary cross-entropy: how badly the drawn image fits the one that was read, added up over all pixels. Smaller is better.',
  NLL: 'Negative log-likelihood: how badly the drawn image fits the one that was read, where pixels may be off by a Gaussian σ. Smaller is better, and it may fall below 0.',
  KL: 'Kullback–Leibler divergence: how far an image’s cloud is from the standard cloud around the middle of the map. It keeps the map tidy and without holes. 0 would mean that the place says nothing about the image.',
  '−ELBO':
    'BCE and KL together, which training makes smaller. With its sign turned it is a lower bound on the (logarithm of the) chance of the image under the model: the “evidence lower bound”.',
  nat: 'The unit of all losses here: 1 nat is about 1.44 bits.',
  'q(z|x)': 'The cloud of places z where an image x belongs, as the encoder says: middle μ, width σ.',
  epoch: 'Once through all training images.',
  batch: 'Images that one step learns from together.',
  step: 'One small change of all weights, so that the images of one batch come out a little better.',
  'learning rate': 'How large the steps are. Too small: it takes for ever. Too large: every step overshoots.',
  'hidden layers': 'The layers between the pixels and the map, by how many numbers they pass on: 512-256.',
  'test images': 'Images that training never sees: they show whether the model understood or only learned by heart.',
  prior: 'The standard cloud, N(0, I): where points are taken from to draw new images that nobody has written.',
  collapse:
    'When the decoder does not listen to z any more and draws the same average image for everything. KL is 0 then.',
} as const;

export type Word = keyof typeof WORDS;

const tip = element('div', { role: 'tooltip', id: 'word-tip', class: 'tip', hidden: true });
let shownFor: HTMLElement | undefined;

document.body.append(tip);

function showTip(node: HTMLElement, word: Word): void {
  shownFor = node;
  tip.replaceChildren(element('strong', {}, word), ` ${WORDS[word]}`);
  tip.hidden = false;
  const at = node.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = tip;
  const left = Math.max(8, Math.min(innerWidth - width - 8, at.left + at.width / 2 - width / 2));
  // Below the word, or above where there is no room.
  const below = at.bottom + 6 + height < innerHeight || at.top < height + 6;
  tip.style.left = `${left}px`;
  tip.style.top = `${below ? at.bottom + 6 : at.top - height - 6}px`;
}

function hideTip(): void {
  tip.hidden = true;
  shownFor = undefined;
}

tip.addEventListener('pointerleave', hideTip);
document.addEventListener('keydown', ({ key }) => {
  if (key === 'Escape') hideTip();
});
addEventListener('scroll', hideTip, { passive: true, capture: true });

/** A word that says what it means while pointed at, focused or tapped. */
export function term(word: Word, text: string = word): HTMLElement {
  const node = element('button', { type: 'button', class: 'term', 'aria-describedby': tip.id }, text);
  const show = (): void => showTip(node, word);
  node.addEventListener('pointerenter', (event) => {
    if (event.pointerType === 'mouse') show();
  });
  node.addEventListener('focus', show);
  node.addEventListener('click', show);
  node.addEventListener('blur', hideTip);
  node.addEventListener('pointerleave', ({ relatedTarget }) => {
    if (shownFor === node && relatedTarget !== tip && document.activeElement !== node) hideTip();
  });
  return node;
}

/** Text in which `[μ]` or `[cloud|σ]`, the text and its word, become terms. */
export function explained(text: string): (string | HTMLElement)[] {
  return text.split(/(\[[^\]]+\])/).map((part) => {
    const [, shown, word = shown] = /^\[([^|\]]+)\|?([^\]]+)?\]$/.exec(part) ?? [];
    return shown !== undefined && word !== undefined && word in WORDS ? term(word as Word, shown) : part;
  });
}

/** All words, to be read one after the other. */
export function glossary(): HTMLElement {
  const list = Object.entries(WORDS).flatMap(([word, text]) => [element('dt', {}, word), element('dd', {}, text)]);
  return region(
    'Words',
    element('details', {}, element('summary', {}, 'What the words mean'), element('dl', { class: 'words' }, ...list)),
  );
}
