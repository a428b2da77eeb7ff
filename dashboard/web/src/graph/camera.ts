// Which part of a plane a canvas shows. Pure.

const CLOSEST = 4;
const WIDEST = 0.02;

export class Camera {
  /** The plane's point at the canvas's middle. */
  x = 0;
  y = 0;
  /** Pixels for a unit of the plane. */
  scale = 1;
  width = 1;
  height = 1;

  /** Where a point of the plane is on the canvas. */
  at(x: number, y: number): { x: number; y: number } {
    return { x: (x - this.x) * this.scale + this.width / 2, y: (y - this.y) * this.scale + this.height / 2 };
  }

  /** The plane's point at a place on the canvas. */
  point(x: number, y: number): { x: number; y: number } {
    return { x: (x - this.width / 2) / this.scale + this.x, y: (y - this.height / 2) / this.scale + this.y };
  }

  /** Closer by `factor`; what is at a place on the canvas stays there. */
  zoom(factor: number, x = this.width / 2, y = this.height / 2): void {
    const before = this.point(x, y);
    this.scale = Math.min(CLOSEST, Math.max(WIDEST, this.scale * factor));
    const after = this.point(x, y);
    this.x += before.x - after.x;
    this.y += before.y - after.y;
  }

  /** Moves by pixels. */
  pan(dx: number, dy: number): void {
    this.x -= dx / this.scale;
    this.y -= dy / this.scale;
  }

  /** Shows a box around `(x, y)`, at most at its natural size. */
  fit(x: number, y: number, width: number, height: number): void {
    const room = Math.min(this.width / Math.max(1, width), this.height / Math.max(1, height));
    this.scale = Math.min(1.2, Math.max(WIDEST, room));
    this.x = x;
    this.y = y;
  }
}
