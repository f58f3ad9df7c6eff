import { type Frame, fromPixels, type Point } from './plane-overlay.ts';

/** What pointer, wheel and keys ask of the plane. */
export interface PlaneActions {
  frame(): Frame;
  setFrame(frame: Frame): void;
  cursor(): Point;
  moveTo(point: Point): void;
  /** One end of an interpolation. */
  pick(point: Point): void;
  home(): void;
}

const ZOOM = 1.25;
const SMALLEST = 1e-3;
const LARGEST = 1e3;

export function zoomed(frame: Frame, factor: number, around: Point): Frame {
  const half = Math.min(LARGEST, Math.max(SMALLEST, frame.half * factor));
  const real = half / frame.half;
  return { x: around.x + (frame.x - around.x) * real, y: around.y + (frame.y - around.y) * real, half };
}

/** The frame in which what was seen at one pixel is seen at another; `side` is the square's side in pixels. */
function panned(frame: Frame, side: number, from: Point, to: Point): Frame {
  const unit = (2 * frame.half) / side;
  return { ...frame, x: frame.x - (to.x - from.x) * unit, y: frame.y + (to.y - from.y) * unit };
}

/**
 * Pointer: moving and dragging with the main button explore, a click picks, Shift and drag pans, two fingers pan and zoom.
 * Wheel: zooms while Ctrl is held, as two fingers on a touchpad do, else the page scrolls. Keys: arrows explore, Shift and arrows pan, + and −
 * zoom, 0 goes home, Enter picks.
 */
export function listenToPlane(target: HTMLElement, actions: PlaneActions): void {
  const pointers = new Map<number, Point>();
  let moved = 0;
  const pixel = (event: MouseEvent): Point => {
    const box = target.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  /** What is dragged beyond the plane explores nothing that is seen. */
  const isInside = ({ x, y }: Point) => x >= 0 && y >= 0 && x <= target.clientWidth && y <= target.clientHeight;
  const at = (point: Point) => fromPixels(actions.frame(), target.clientWidth, point);

  target.addEventListener('pointerdown', (event) => {
    // The other buttons do what they do elsewhere.
    if (event.button !== 0) return;
    target.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, pixel(event));
    moved = pointers.size > 1 ? Number.POSITIVE_INFINITY : 0;
    if (pointers.size === 1 && !event.shiftKey) actions.moveTo(at(pixel(event)));
  });
  target.addEventListener('pointermove', (event) => {
    const to = pixel(event);
    const from = pointers.get(event.pointerId);
    if (from) moved += Math.hypot(to.x - from.x, to.y - from.y);
    if (from && pointers.size > 1) pinch(event.pointerId, from, to);
    else if (from && event.shiftKey) actions.setFrame(panned(actions.frame(), target.clientWidth, from, to));
    else if (event.buttons <= 1 && isInside(to)) actions.moveTo(at(to));
    if (from) pointers.set(event.pointerId, to);
  });
  /** What lies under two fingers stays under them: their middle pans, their distance zooms. */
  const pinch = (id: number, from: Point, to: Point): void => {
    const [other, third] = [...pointers].filter(([each]) => each !== id).map(([, point]) => point);
    if (!other || third) return;
    const middle = (point: Point): Point => ({ x: (point.x + other.x) / 2, y: (point.y + other.y) / 2 });
    const distance = (point: Point) => Math.max(1, Math.hypot(point.x - other.x, point.y - other.y));
    const frame = zoomed(actions.frame(), distance(from) / distance(to), at(middle(from)));
    actions.setFrame(panned(frame, target.clientWidth, middle(from), middle(to)));
  };
  const release = (event: PointerEvent, pick: boolean): void => {
    if (!pointers.delete(event.pointerId)) return;
    if (pick && moved < 5 && !event.shiftKey) actions.pick(at(pixel(event)));
  };
  target.addEventListener('pointerup', (event) => release(event, true));
  target.addEventListener('pointercancel', (event) => release(event, false));

  target.addEventListener(
    'wheel',
    (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      actions.setFrame(zoomed(actions.frame(), ZOOM ** Math.sign(event.deltaY), at(pixel(event))));
    },
    { passive: false },
  );

  target.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const frame = actions.frame();
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    const step = frame.half / 20;
    if (arrow) {
      const [dx, dy] = arrow as [number, number];
      if (event.shiftKey) actions.setFrame({ ...frame, x: frame.x + 4 * dx * step, y: frame.y + 4 * dy * step });
      else actions.moveTo({ x: actions.cursor().x + dx * step, y: actions.cursor().y + dy * step });
    } else if (event.key === '+' || event.key === '=') actions.setFrame(zoomed(frame, 1 / ZOOM, frame));
    else if (event.key === '-') actions.setFrame(zoomed(frame, ZOOM, frame));
    else if (event.key === '0') actions.home();
    else if (event.key === 'Enter') actions.pick(actions.cursor());
    else return;
    event.preventDefault();
  });
}
