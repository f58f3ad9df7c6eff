import {
  DataError,
  type DataSet,
  DeviceLimitError,
  GpuError,
  loadMnist,
  NonFiniteError,
  readFiles,
  type VaeConfig,
} from 'webgpu-vae';
import './locale.ts';
import { Alerts, BROWSER_HELP } from './alerts.ts';
import { Controls } from './controls.ts';
import { dataChooser } from './data-chooser.ts';
import { button, element, region } from './dom.ts';
import { DrawDigit } from './draw-digit.ts';
import { type Example, loadExample } from './example.ts';
import { DecodedPoint } from './explore.ts';
import { glossary } from './glossary.ts';
import { Reconstructions, Samples } from './image-views.ts';
import { ImageWay } from './image-way.ts';
import { Keeper } from './keeper.ts';
import { KernelsPanel } from './kernels-panel.ts';
import { LatentPlane } from './latent-plane.ts';
import { applyViews } from './lecture.ts';
import { LossChart } from './loss-chart.ts';
import { NetworkView } from './network-view.ts';
import { Presets } from './presets.ts';
import { Preview } from './preview.ts';
import { ReplayFile } from './replay-file.ts';
import { Run } from './run.ts';
import { RunList } from './run-list.ts';
import { Scrubber } from './scrubber.ts';
import { type BuildOptions, Session } from './session.ts';
import { DEFAULTS, hasSettings, parseHash } from './settings.ts';
import { Status } from './status.ts';
import './style.css';
import type { Tour } from './tour.ts';
import { Views } from './views.ts';

const main = element('main', {});
const alerts = new Alerts(() => main.querySelector('button'));
const status = new Status();
let tour: Tour | undefined;
const tourButton = button(
  'Take the tour',
  () => {
    // Loaded when it is wanted.
    import('./tour.ts').then(
      (loaded) => {
        tour ??= new loaded.Tour(tourButton);
        tour.begin();
      },
      (error) => alerts.error('The tour could not be loaded', error),
    );
  },
  { class: 'tour-begin' },
);
const header = element(
  'header',
  {},
  element('h1', {}, 'webgpu-vae'),
  element(
    'p',
    {},
    'A variational autoencoder learns handwritten digits on your GPU, in this page. Nothing leaves your computer.',
  ),
  tourButton,
  status.root,
);
document.querySelector('#app')!.replaceChildren(header, alerts.root, main);
// From here on troubles are told in the page.
document.querySelector('#boot')?.remove();

/** What is done with dropped files. */
let takeFiles: (files: File[]) => void = () => {};

function listenToDrops(): void {
  // Text may still be dragged into a field.
  const files = ({ dataTransfer }: DragEvent): File[] | undefined =>
    dataTransfer?.types.includes('Files') ? [...dataTransfer.files] : undefined;
  document.addEventListener('dragover', (event) => {
    if (files(event)) event.preventDefault();
  });
  document.addEventListener('drop', (event) => {
    const dropped = files(event);
    if (!dropped) return;
    event.preventDefault();
    if (dropped.length > 0) takeFiles(dropped);
  });
}

/** MNIST; where the page's server does not give it, what the visitor has. */
async function firstData(): Promise<DataSet> {
  for (;;) {
    status.say('loading MNIST', 0);
    try {
      return await loadMnist(undefined, { onProgress: (part) => status.move(part) });
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      status.say('not started');
      alerts.error('MNIST could not be loaded', error);
    }
    const own = await askForData();
    alerts.clear();
    if (own) return own;
  }
}

/** The visitor's own data set, or undefined if MNIST is to be tried again. */
function askForData(): Promise<DataSet | undefined> {
  return new Promise((resolve) => {
    const done = (data: DataSet | undefined): void => {
      panel.remove();
      resolve(data);
    };
    const take = (files: File[]): void => {
      readFiles(files).then(done, (error) => alerts.error('Loading the data set failed', error));
    };
    const again = button('Try again', () => done(undefined), { class: 'primary' });
    const panel = region(
      'Data',
      element('div', { class: 'buttons' }, again),
      element('div', { class: 'data' }, ...dataChooser(take)),
    );
    main.prepend(panel);
    takeFiles = take;
  });
}

/** The example is seen first; whatever follows does without it if it cannot be had. */
async function preview(): Promise<Example | undefined> {
  try {
    const example = await loadExample();
    const { root } = new Preview(example);
    main.append(element('div', { class: 'columns preview' }, root));
    return example;
  } catch (error) {
    console.warn(error);
    return undefined;
  }
}

async function start(): Promise<void> {
  const seen = preview();
  if (!('gpu' in navigator)) {
    status.say('WebGPU is missing');
    alerts.show(
      'This browser has no WebGPU',
      'The page trains with WebGPU, which this browser does not offer here:',
      BROWSER_HELP,
    );
    return;
  }
  listenToDrops();
  const data = await firstData();
  status.say('building the model');
  const { config, refused } = parseHash(location.hash);
  const example = await seen;
  // A link says what is to be trained.
  const begin = hasSettings(location.hash) ? undefined : exampleOn(data, example);
  let tooLarge: Error | undefined;
  const opening = begin ? Session.open(data, begin.config, begin.options) : Session.open(data, config);
  const session = await opening.catch((error: unknown) => {
    if (!(error instanceof DeviceLimitError || error instanceof GpuError)) throw error;
    tooLarge = error;
    return Session.open(data, DEFAULTS);
  });
  session.onError = (error) => {
    alerts.error(error instanceof NonFiniteError ? 'Training stopped' : 'Something went wrong', error);
  };
  if (tooLarge) alerts.error("The link's model does not fit this GPU; the default settings stand in for it", tooLarge);
  main.replaceChildren();
  show(session, refused, example);
}

/** How the example is built with a data set, if it is of such images. */
function exampleOn(
  data: DataSet,
  example: Example | undefined,
  instead: VaeConfig = DEFAULTS,
): { config: Partial<VaeConfig>; options: BuildOptions } | undefined {
  if (data.name !== 'MNIST' || example?.imageSize !== data.train.rows * data.train.columns * (data.train.channels ?? 1))
    return undefined;
  return { config: example.config, options: { parameters: example.parameters, run: new Run(data, { instead }) } };
}

function show(session: Session, refused: readonly string[], example: Example | undefined): void {
  const keeper = new Keeper(session, (error) =>
    alerts.error('This browser does not keep the session: save a checkpoint before you leave', error),
  );
  const controls = new Controls(session, alerts, keeper);
  controls.tellRefused(refused);
  const again = button('Show the example', () => {
    const begin = exampleOn(session.data, example, session.settings);
    if (begin) void controls.build('Showing the example', begin.config, async () => begin.options);
    else alerts.note('The example is a model of MNIST: reload the page to see it.');
  });
  const presets = new Presets(example ? [again] : [], (files) => void controls.takeFiles(files, 'Fashion-MNIST'));
  const runs = new RunList(session, keeper, alerts, {
    build: (what, options) => controls.build(what, {}, options),
    loadMnist: () => loadMnist(),
  });
  const chart = new LossChart(session, () => runs.drawn);
  runs.onChange = () => chart.update();
  const reconstructions = new Reconstructions();
  const samples = new Samples();
  const scrubber = new Scrubber((model) => views.lookBack(model));
  const plane = new LatentPlane(scrubber.root);
  const point = new DecodedPoint();
  const digit = new DrawDigit();
  const way = new ImageWay(() => controls.step());
  const network = new NetworkView(session);
  const kernels = new KernelsPanel(session);
  const words = glossary();
  plane.onMove = (latents) => point.moveTo(latents);
  plane.onEnds = (from, to) => point.interpolate(from, to);
  digit.onEncoded = (encoded) => {
    plane.showEllipse(encoded?.posterior);
    way.travel(encoded);
  };
  way.onSample = (z) => plane.showSample(z);
  reconstructions.onChoose = (image) => digit.take(image);
  const columns = [
    [controls.root, chart.root, presets.root],
    [plane.root],
    // Where it lands is seen on the plane, so the field to draw in comes right after it.
    [digit.root, point.root, reconstructions.root, samples.root],
  ];
  main.append(
    element('div', { class: 'columns' }, ...columns.map((roots) => element('div', { class: 'column' }, ...roots))),
    runs.root,
    way.root,
    network.root,
    kernels.root,
    words,
  );
  const all = [reconstructions, samples, point, plane, digit, way];
  const views = new Views(session, all, (picture) => scrubber.show(picture));
  session.listen((event) => {
    if (event === 'model') scrubber.stop();
    if (event === 'model' || event === 'epoch') scrubber.update(session.run.past);
  });
  scrubber.onSave = () => {
    const file = new ReplayFile();
    scrubber
      .run((name) => file.add((side) => plane.render(side), name))
      .then(() => file.save())
      .catch((error) => alerts.error('Saving the replay failed', error));
  };
  scrubber.update(session.run.past);
  status.follow(session);
  chart.start();
  views.start();

  takeFiles = (files) => void controls.takeFiles(files);
  const panels = {
    controls: controls.root,
    loss: chart.root,
    presets: presets.root,
    plane: plane.root,
    draw: digit.root,
    point: point.root,
    reconstructions: reconstructions.root,
    samples: samples.root,
    runs: runs.root,
    way: way.root,
    network: network.root,
    kernels: kernels.root,
    words: words,
  };
  applyViews(panels);
  // The page's own changes of the hash do not come here.
  addEventListener('hashchange', () => {
    applyViews(panels);
    if (hasSettings(location.hash)) void controls.takeLink(location.hash);
  });
}

start().catch((error: unknown) => {
  status.say('not started');
  if (error instanceof Error && error.name === 'NoAdapterError') {
    alerts.show('WebGPU found no usable GPU', error.message, BROWSER_HELP);
  } else alerts.error('The page could not start', error);
});
