/** The text of the page that `export --html` writes. What runs in it is plain JavaScript of its own: nothing is loaded. */

/** Everything on the page's model but its weights. */
export interface PlaneModel {
  rows: number;
  columns: number;
  channels: number;
  latent: number;
  /** The decoder's layers; each one's weight (outputs, inputs), then its bias, follow each other in the weights. */
  layers: { inputs: number; outputs: number; activation: string }[];
  /** Name and value of what is known of it. */
  facts: [string, string][];
}

/**
 * @param title of the page, plain text
 * @param weights f16, little-endian
 */
export function planePage(title: string, model: PlaneModel, weights: Uint16Array): string {
  const bytes = Buffer.from(weights.buffer, weights.byteOffset, weights.byteLength);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'">
<meta name="generator" content="webgpu-vae">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
<p id="how">Move over the plane, or use the arrow keys (with Shift: larger steps, Home: the middle). Each point is a z; the decoder makes an image of it here, in your browser.</p>
<div id="views">
<figure>
<div id="plane" tabindex="0" role="application" aria-label="Latent plane" aria-describedby="how">
<canvas id="sheet" aria-hidden="true"></canvas>
<div id="mark" aria-hidden="true"></div>
</div>
<figcaption id="axes"></figcaption>
</figure>
<figure>
<canvas id="image" role="img" aria-label="The decoded image"></canvas>
<figcaption><output id="place" aria-live="polite"></output></figcaption>
</figure>
</div>
<form id="others" hidden></form>
<table><caption>The model</caption><tbody>${model.facts
    .map(([name, value]) => `<tr><th scope="row">${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`)
    .join('')}</tbody></table>
</main>
<script type="application/json" id="model">${jsonInScript({ ...model, facts: undefined })}</script>
<script type="text/plain" id="weights">${bytes.toString('base64')}</script>
<script>${SCRIPT}</script>
</body>
</html>
`;
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

/** JSON that cannot end the script element it stands in. */
export function jsonInScript(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}

const STYLE = `
:root { color-scheme: light dark; --line: #8c8c8c; --faint: #595959; --mark: #d60b52; }
@media (prefers-color-scheme: dark) { :root { --faint: #a8a8a8; } }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.3rem; margin: 0 0 .25rem; }
p, figcaption, caption { color: var(--faint); }
#views { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 1fr); gap: 1.5rem; align-items: start; }
@media (max-width: 40rem) { #views { grid-template-columns: minmax(0, 1fr); } }
figure { margin: 0; }
canvas { display: block; width: 100%; image-rendering: pixelated; background: #000; }
#plane { position: relative; cursor: crosshair; touch-action: none; }
#plane:focus-visible { outline: 3px solid var(--mark); outline-offset: 2px; }
#mark { position: absolute; width: 14px; height: 14px; margin: -9px; border: 2px solid var(--mark); border-radius: 50%; box-shadow: 0 0 0 1px #fff; pointer-events: none; }
output { font-variant-numeric: tabular-nums; }
form { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; margin-top: 1rem; }
label { display: inline-flex; gap: .4rem; align-items: center; }
table { border-collapse: collapse; margin-top: 1.5rem; font-size: .9rem; }
caption { text-align: left; }
th { text-align: left; font-weight: 600; padding-right: 1rem; vertical-align: top; }
`;

const SCRIPT = `
'use strict';
(() => {
  const model = JSON.parse(document.getElementById('model').textContent);
  const { rows, columns, channels, latent } = model;
  const REACH = 3;
  const CELLS = 15;

  // f16 to f32, for all of its bits once.
  const f32 = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    const size = exponent === 0 ? fraction * 2 ** -24 : exponent === 31 ? NaN : (1 + fraction / 1024) * 2 ** (exponent - 15);
    f32[bits] = bits & 32768 ? -size : size;
  }
  const text = atob(document.getElementById('weights').textContent);
  let at = 0;
  const read = (length) => Float32Array.from({ length }, () => {
    const bits = text.charCodeAt(at) | (text.charCodeAt(at + 1) << 8);
    at += 2;
    return f32[bits];
  });
  const layers = model.layers.map((layer) => ({ ...layer, weight: read(layer.inputs * layer.outputs), bias: read(layer.outputs) }));

  const activations = {
    none: (value) => value,
    relu: (value) => Math.max(0, value),
    tanh: Math.tanh,
    sigmoid: (value) => 1 / (1 + Math.exp(-value)),
  };
  function decode(z) {
    let inp = z;
    for (const { inputs, outputs, activation, weight, bias } of layers) {
      const out = new Float32Array(outputs);
      const of = activations[activation];
      for (let o = 0; o < outputs; o++) {
        let sum = bias[o];
        for (let i = 0, w = o * inputs; i < inputs; i++, w++) sum += weight[w] * inp[i];
        out[o] = of(sum);
      }
      inp = out;
    }
    return inp;
  }

  function paint(context, pixels, x, y) {
    const image = context.createImageData(columns, rows);
    for (let i = 0; i < rows * columns; i++) {
      const level = (channel) => Math.round(255 * pixels[channels * i + Math.min(channel, channels - 1)]);
      image.data.set([level(0), level(1), level(2), 255], 4 * i);
    }
    context.putImageData(image, x, y);
  }

  const element = (id) => document.getElementById(id);
  const plane = element('plane');
  const sheet = element('sheet').getContext('2d');
  const single = element('image').getContext('2d');
  sheet.canvas.width = CELLS * columns;
  sheet.canvas.height = CELLS * rows;
  single.canvas.width = columns;
  single.canvas.height = rows;

  const z = new Float32Array(latent);
  let axes = [0, Math.min(1, latent - 1)];
  const subscript = (n) => String(n).replace(/\\d/g, (digit) => String.fromCharCode(0x2080 + Number(digit)));
  const say = (value) => value.toFixed(2).replace('-', '\\u2212');

  let painting = 0;
  /** The sheet behind the plane, row by row, so that the page stays awake. */
  function drawSheet() {
    const mine = ++painting;
    let row = 0;
    const next = () => {
      if (mine !== painting) return;
      const point = Float32Array.from(z);
      for (let column = 0; column < CELLS; column++) {
        point[axes[1]] = REACH * (1 - (2 * row + 1) / CELLS);
        point[axes[0]] = REACH * ((2 * column + 1) / CELLS - 1);
        paint(sheet, decode(point), column * columns, row * rows);
      }
      if (++row < CELLS) setTimeout(next);
    };
    next();
  }

  function show() {
    paint(single, decode(z), 0, 0);
    const mark = element('mark').style;
    mark.left = 50 * (1 + z[axes[0]] / REACH) + '%';
    mark.top = latent > 1 ? 50 * (1 - z[axes[1]] / REACH) + '%' : '50%';
    const shown = latent > 1 ? axes : [0];
    element('place').textContent = shown.map((dim) => 'z' + subscript(dim + 1) + ' = ' + say(z[dim])).join(', ');
  }

  function move(first, second) {
    const within = (value) => Math.min(REACH, Math.max(-REACH, value));
    if (latent > 1) z[axes[1]] = within(second);
    z[axes[0]] = within(first);
    show();
  }

  plane.addEventListener('pointermove', follow);
  plane.addEventListener('pointerdown', follow);
  function follow({ clientX, clientY }) {
    const { left, top, width, height } = plane.getBoundingClientRect();
    move(REACH * ((2 * (clientX - left)) / width - 1), REACH * (1 - (2 * (clientY - top)) / height));
  }
  plane.addEventListener('keydown', (event) => {
    const step = event.shiftKey ? 0.5 : 0.1;
    const way = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] }[event.key];
    if (event.key === 'Home') move(0, 0);
    else if (way) move(z[axes[0]] + way[0], z[axes[1]] + way[1]);
    else return;
    event.preventDefault();
  });

  if (latent > 2) {
    const form = element('others');
    form.hidden = false;
    const dims = [...z.keys()];
    const add = (label, control) => {
      const around = document.createElement('label');
      around.append(label, control);
      form.append(around);
      return control;
    };
    const sliders = [];
    const choose = ['Across', 'Up'].map((name, axis) => {
      const select = document.createElement('select');
      for (const dim of dims) select.append(new Option('z' + subscript(dim + 1), dim, false, dim === axes[axis]));
      select.addEventListener('change', () => {
        const chosen = Number(select.value);
        // The other axis cannot have the same one.
        if (axes[1 - axis] === chosen) axes[1 - axis] = axes[axis];
        axes[axis] = chosen;
        choose.forEach((each, i) => { each.value = axes[i]; });
        changed();
      });
      return add(name, select);
    });
    for (const dim of dims) {
      const slider = document.createElement('input');
      Object.assign(slider, { type: 'range', min: -REACH, max: REACH, step: 0.1, value: 0 });
      slider.addEventListener('input', () => {
        z[dim] = Number(slider.value);
        changed();
      });
      sliders.push(add('z' + subscript(dim + 1), slider));
    }
    var changed = () => {
      sliders.forEach((slider, dim) => { slider.parentElement.hidden = axes.includes(dim); });
      name();
      drawSheet();
      show();
    };
    form.addEventListener('submit', (event) => event.preventDefault());
    changed();
  }

  function name() {
    const [first, second] = axes.map((dim) => 'z' + subscript(dim + 1));
    const reach = ' from \\u2212' + REACH + ' to ' + REACH;
    element('axes').textContent = latent > 1 ? first + ' across, ' + second + ' up, each' + reach : first + ' across,' + reach;
  }

  name();
  drawSheet();
  show();
})();
`;
