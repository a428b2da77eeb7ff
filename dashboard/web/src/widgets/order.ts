// The order of a table's rows. Pure.

export interface Order {
  column: number;
  isDown: boolean;
}

/** A click on a column's head: numbers begin with the largest, text with A; a second click turns it round. */
export function turned(order: Order, column: number, isNumber: boolean): Order {
  if (order.column === column) return { column, isDown: !order.isDown };
  return { column, isDown: isNumber };
}

const collator = new Intl.Collator("en", { numeric: true });

/** Rows in order; those that are equal stay as they were. */
export function sorted<Row>(rows: Row[], by: (row: Row) => number | string, isDown: boolean): Row[] {
  const sign = isDown ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [x, y] = [by(a), by(b)];
    if (typeof x === "number" && typeof y === "number") return sign * (x - y || 0);
    return sign * collator.compare(String(x), String(y));
  });
}
