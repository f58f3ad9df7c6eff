import { element } from './dom.ts';
import { onThemeChange, theme } from './theme.ts';

export type Place = { x: number; y: number };
export type Stroke = Place[];

/** Side of the pad and width of the pen, in the units of strokes. */
export const PAD = { side: 280, pen: 22 };

/** How far an arrow key moves the pen. */
const STRIDE = PAD.side / 20;
const ARROWS: Record<string, readonly [number, number]> = {
  ArrowLeft: [-STRIDE, 0],
  ArrowRight: [STRIDE, 0],
  ArrowUp: [0, -STRIDE],
  ArrowDown: [0, STRIDE],
};

/** A field to draw in: with the main button of a mouse, a pen, one finger, or by keyboard. */
export class Pad {
  readonly canvas = element('canvas', {
    width: PAD.side,
    height: PAD.side,
    class: 'pad',
    tabindex: 0,
    role: 'application',
    'aria-label':
      'Field to draw a digit in, with mouse, pen or finger. Arrow keys move the pen, Space or Enter puts it down and lifts it.',
  });
  /** Where the keyboard's pen is, for a screen reader. */
  readonly penText = element(
    'p',
    { class: 'hint', 'aria-live': 'polite' },
    'By keyboard: arrow keys move the pen, Space puts it down and lifts it.',
  );
  strokes: Stroke[] = [];
  #onDraw: () => void;
  /** The pointer that draws, and where it was last. */
  #drawing: { id: number; at: Place } | undefined;
  /** The keyboard's pen; it is seen while the keyboard is in use. */
  #pen = { x: PAD.side / 2, y: STRIDE * 4, down: false, seen: false };

  /** @param onDraw there is more to see */
  constructor(onDraw: () => void) {
    this.#onDraw = onDraw;
    const { canvas } = this;
    canvas.addEventListener('pointerdown', (event) => this.#begin(event));
    canvas.addEventListener('pointermove', (event) => this.#move(event));
    for (const type of ['pointerup', 'pointercancel'] as const) {
      canvas.addEventListener(type, ({ pointerId }) => {
        if (this.#drawing?.id !== pointerId) return;
        this.#drawing = undefined;
        this.#onDraw();
      });
    }
    canvas.addEventListener('keydown', (event) => this.#pressed(event));
    canvas.addEventListener('focus', () => this.#showPen(canvas.matches(':focus-visible')));
    canvas.addEventListener('blur', () => this.#showPen(false));
    onThemeChange(() => this.#paint());
    this.#paint();
  }

  clear(): void {
    this.strokes = [];
    this.#drawing = undefined;
    this.#pen.down = false;
    this.#paint();
  }

  #begin(event: PointerEvent): void {
    // Other buttons do other things, and a second finger draws no second line.
    if (event.button !== 0 || this.#drawing) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.#pen = { ...this.#pen, down: false, seen: false };
    const at = this.#at(event);
    this.#drawing = { id: event.pointerId, at };
    this.strokes.push([at]);
    this.#paint();
  }

  #move(event: PointerEvent): void {
    if (this.#drawing?.id !== event.pointerId) return;
    const [from, to] = [this.#drawing.at, this.#at(event)];
    this.#drawing.at = to;
    // The pad ends where it ends: a line goes to its rim, and comes in again from there.
    if (isInside(from)) this.strokes.at(-1)?.push(isInside(to) ? to : rimBetween(from, to));
    else if (isInside(to)) this.strokes.push([rimBetween(to, from), to]);
    else return;
    this.#paint();
    this.#onDraw();
  }

  #pressed(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    const toggles = event.key === ' ' || event.key === 'Enter';
    if (!arrow && !toggles) return;
    event.preventDefault();
    const pen = this.#pen;
    if (arrow) {
      const inside = (value: number) => Math.min(PAD.side - STRIDE, Math.max(STRIDE, value));
      pen.x = inside(pen.x + arrow[0]);
      pen.y = inside(pen.y + arrow[1]);
    } else {
      pen.down = !pen.down;
      if (pen.down) this.strokes.push([]);
    }
    if (pen.down) {
      this.strokes.at(-1)?.push({ x: pen.x, y: pen.y });
      this.#onDraw();
    }
    const [column, row] = [pen.x, pen.y].map((each) => Math.round(each / STRIDE));
    this.penText.textContent = `Pen ${pen.down ? 'down' : 'up'}, column ${column}, row ${row} of ${PAD.side / STRIDE - 1}.`;
    this.#showPen(true);
  }

  /** @param seen whether the keyboard is in use; without it the pen is lifted */
  #showPen(seen: boolean): void {
    this.#pen = { ...this.#pen, seen, down: seen && this.#pen.down };
    this.#paint();
  }

  #at(event: PointerEvent): Place {
    const box = this.canvas.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width) * PAD.side,
      y: ((event.clientY - box.top) / box.height) * PAD.side,
    };
  }

  #paint(): void {
    const context = this.canvas.getContext('2d')!;
    const { background, text, faint, accent } = theme();
    context.fillStyle = background;
    context.fillRect(0, 0, PAD.side, PAD.side);
    strokeAll(context, this.strokes, text, PAD.pen);
    const { x, y, down, seen } = this.#pen;
    if (this.strokes.length === 0 && !seen) {
      context.fillStyle = faint;
      context.font = '28px system-ui, sans-serif';
      context.textAlign = 'center';
      context.fillText('draw here', PAD.side / 2, PAD.side / 2);
    }
    if (!seen) return;
    context.beginPath();
    context.arc(x, y, PAD.pen / 2 + 3, 0, 2 * Math.PI);
    context.lineWidth = 3;
    context.strokeStyle = accent;
    context.stroke();
    context.fillStyle = accent;
    if (down) context.fill();
  }
}

function isInside({ x, y }: Place): boolean {
  return x >= 0 && y >= 0 && x <= PAD.side && y <= PAD.side;
}

/** Where the line from a place in the pad to one outside crosses the rim. */
function rimBetween(inside: Place, outside: Place): Place {
  const part = (from: number, to: number) => (to < 0 ? -from / (to - from) : (PAD.side - from) / (to - from));
  const crossed = (['x', 'y'] as const).filter((axis) => outside[axis] < 0 || outside[axis] > PAD.side);
  const first = Math.min(...crossed.map((axis) => part(inside[axis], outside[axis])));
  const along = (axis: 'x' | 'y') => inside[axis] + first * (outside[axis] - inside[axis]);
  return { x: along('x'), y: along('y') };
}

export function strokeAll(
  context: CanvasRenderingContext2D,
  strokes: readonly Stroke[],
  color: string,
  width: number,
): void {
  context.strokeStyle = color;
  context.lineWidth = width;
  context.lineCap = 'round';
  context.lineJoin = 'round';
  for (const stroke of strokes) {
    context.beginPath();
    for (const { x, y } of stroke) context.lineTo(x, y);
    // A dot has no length, but is seen.
    if (stroke.length === 1) context.lineTo(stroke[0]!.x + 0.01, stroke[0]!.y);
    context.stroke();
  }
}
