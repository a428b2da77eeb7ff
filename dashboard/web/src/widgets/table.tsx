// A table that sorts by any column. The head's buttons say which way.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { type Order, sorted, turned } from "./order";

export interface Column<Row> {
  name: string;
  /** What it is sorted by. */
  by: (row: Row) => number | string;
  cell: (row: Row) => ComponentChildren;
  isNumber?: boolean;
  wide?: boolean;
  title?: string;
}

/** Rows beyond this many are not drawn until asked for. */
const SHOWN = 200;

interface Props<Row> {
  label: string;
  columns: Column<Row>[];
  rows: Row[];
  id: (row: Row) => string | number;
  rowClass?: (row: Row) => string;
  first?: Order;
}

export function Table<Row>({ label, columns, rows, id, rowClass, first }: Props<Row>) {
  const [order, setOrder] = useState<Order>(first ?? { column: 0, isDown: false });
  const [shown, setShown] = useState(SHOWN);
  const column = columns[order.column] ?? columns[0]!;
  const ordered = sorted(rows, column.by, order.isDown);
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={label}>
      <table>
        <thead>
          <tr>
            {columns.map((head, index) => {
              const isHere = index === order.column;
              const direction = order.isDown ? "descending" : "ascending";
              return (
                <th key={head.name} scope="col" class={head.isNumber ? "number" : ""} aria-sort={isHere ? direction : undefined}>
                  <button type="button" title={head.title} onClick={() => setOrder(turned(order, index, head.isNumber === true))}>
                    {head.name}
                    <span class="arrow" aria-hidden="true">{isHere ? (order.isDown ? "▾" : "▴") : ""}</span>
                  </button>
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {ordered.slice(0, shown).map((row) => (
            <tr key={id(row)} class={rowClass?.(row) ?? ""}>
              {columns.map((cell) => (
                <td key={cell.name} class={`${cell.isNumber ? "number" : ""} ${cell.wide ? "wide" : ""}`}>{cell.cell(row)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {ordered.length > shown && (
        <button type="button" class="more" onClick={() => setShown(shown * 2)}>
          Show more: {ordered.length - shown} rows are left
        </button>
      )}
    </div>
  );
}
