/**
 * A list of rows with one tab stop: arrow keys go from row to row, and along a row's buttons.
 */
import React, { useRef, useState } from 'react';

/** Within a row, the buttons to go along; the first is the one that stands for the row. */
const CONTROLS = 'button:not([disabled])';

export function Rows<T>(props: {
  label: string;
  items: readonly T[];
  keyOf: (item: T) => string;
  /** Renders a row, whose buttons take `tabIndex`. */
  children: (item: T, tabIndex: 0 | -1) => React.ReactNode;
}) {
  const { label, items, keyOf } = props;
  const list = useRef<HTMLUListElement>(null);
  const [chosen, setChosen] = useState<string | null>(null);
  const keys = items.map(keyOf);
  // The chosen row may have gone: then the first one is the tab stop.
  const current = chosen !== null && keys.includes(chosen) ? chosen : keys[0];

  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) {
      return;
    }
    const rows = Array.from(list.current?.children ?? []);
    const focused = event.target as HTMLElement;
    const at = rows.findIndex(row => row.contains(focused));
    const row = rows[at] as Element | undefined;
    if (!row || !focused.matches(CONTROLS)) {
      return;
    }
    const along = controlsOf(row);
    const place = along.indexOf(focused);
    const target = {
      ArrowDown: controlsOf(rows[at + 1])[0],
      ArrowUp: controlsOf(rows[at - 1])[0],
      Home: controlsOf(rows[0])[0],
      End: controlsOf(rows[rows.length - 1])[0],
      ArrowRight: along[place + 1],
      ArrowLeft: along[place - 1]
    }[event.key];
    if (target) {
      target.focus();
      target.scrollIntoView({ block: 'nearest' });
      event.preventDefault();
      event.stopPropagation();
    }
  };

  return (
    // The keys bubble up from the buttons in the rows.
    <ul
      ref={list}
      className="mlops-Rows"
      aria-label={label}
      onKeyDown={onKeyDown}
    >
      {items.map((item, index) => {
        const key = keys[index];
        return (
          <li
            key={key}
            className="mlops-Row"
            onFocus={() => {
              setChosen(key);
            }}
          >
            {props.children(item, key === current ? 0 : -1)}
          </li>
        );
      })}
    </ul>
  );
}

function controlsOf(row: Element | undefined): (HTMLElement | undefined)[] {
  return row ? Array.from(row.querySelectorAll<HTMLElement>(CONTROLS)) : [];
}
