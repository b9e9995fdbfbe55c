/**
 * A tab list after the WAI-ARIA pattern: one tab stop, arrow keys choose.
 */
import React from 'react';

export interface ITabLabel {
  id: string;
  label: string;
}

export const tabId = (id: string) => `mlops-tab-${id}`;
export const panelId = (id: string) => `mlops-panel-${id}`;

export function Tabs(props: {
  label: string;
  tabs: readonly ITabLabel[];
  chosen: string;
  onChoose: (id: string) => void;
}) {
  const { label, tabs, chosen, onChoose } = props;

  const onKeyDown = (event: React.KeyboardEvent<HTMLElement>) => {
    const at = tabs.findIndex(tab => tab.id === chosen);
    const to = {
      ArrowRight: (at + 1) % tabs.length,
      ArrowLeft: (at - 1 + tabs.length) % tabs.length,
      Home: 0,
      End: tabs.length - 1
    }[event.key];
    if (to === undefined) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    onChoose(tabs[to].id);
    event.currentTarget
      .querySelectorAll<HTMLElement>('[role="tab"]')
      .item(to)
      .focus();
  };

  return (
    <div
      className="mlops-Tabs"
      role="tablist"
      aria-label={label}
      onKeyDown={onKeyDown}
    >
      {tabs.map(({ id, label }) => (
        <button
          key={id}
          type="button"
          role="tab"
          id={tabId(id)}
          className="mlops-Tab"
          aria-selected={id === chosen}
          aria-controls={id === chosen ? panelId(id) : undefined}
          tabIndex={id === chosen ? 0 : -1}
          onClick={() => {
            onChoose(id);
          }}
        >
          {label}
        </button>
      ))}
    </div>
  );
}
