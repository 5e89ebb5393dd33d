"use strict";
/* One tab stop a group, as the ARIA authoring practices have it for toolbars, lists of tabs and grids: Tab goes from
   group to group, arrows go within. In a bar left and right do; up and down are left to its sliders and lists. */
(() => {
  const CONTROLS =
    "a[href], button, select, input:not([readonly]), summary, .v-slider-thumb, .remote-controlled-area, [data-lesion]";
  const SHOWN_AT_ONCE = "[role=tab], [data-lesion]"; // what is gone to is chosen
  const STEPS = { ArrowLeft: -1, ArrowRight: 1 };
  const left = new WeakMap(); // group: its control that had the focus last

  const controlsOf = (part) =>
    [...part.querySelectorAll(CONTROLS)].filter((one) => !one.disabled && one.checkVisibility({ visibilityProperty: true }));
  const chosenIn = (group) => group.querySelector("[aria-selected=true]");

  function stopOf(group, controls) {
    const first = group.dataset.roving && group.querySelector(group.dataset.roving);
    return [document.activeElement, chosenIn(group), left.get(group), first].find((one) => controls.includes(one)) || controls[0];
  }

  function leaveOneStopEach() {
    for (const group of document.querySelectorAll("[data-roving]")) {
      const controls = controlsOf(group);
      const stop = stopOf(group, controls);
      for (const one of controls) one.tabIndex = one === stop ? 0 : -1;
    }
  }

  function inBar(group, from, key) {
    const controls = controlsOf(group);
    if (key in STEPS) return controls.at((controls.indexOf(from) + STEPS[key]) % controls.length);
    if (from.matches("input, .v-slider-thumb, select")) return null; // Home and End are its own
    return { Home: controls[0], End: controls.at(-1) }[key];
  }

  function inGrid(grid, from, key) {
    const rows = [...grid.querySelectorAll("tr")].map((row) => (row.matches(CONTROLS) ? [row] : []).concat(controlsOf(row))).filter((row) => row.length);
    const start = from.matches("tr") ? chosenIn(grid) || from : from;
    const at = rows.findIndex((row) => row.includes(start));
    if (key in STEPS) return rows[at][rows[at].indexOf(start) + STEPS[key]];
    const row = { ArrowUp: rows[at - 1], ArrowDown: rows[at + 1], Home: rows[1], End: rows.at(-1) }[key];
    return row && (at > 0 && row !== rows[0] ? row[rows[at].indexOf(start)] : row[0]);
  }

  function move(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    const group = event.target.closest?.("[data-roving]");
    if (!group) return;
    const go = group.matches("[role=grid]") ? inGrid : inBar;
    const to = event.key === " " && event.target.matches("tr") ? event.target : go(group, event.target, event.key);
    if (!to) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    to.focus();
    if (to.matches(SHOWN_AT_ONCE)) to.click();
  }

  window.addEventListener("keydown", (event) => (event.key === "Tab" ? leaveOneStopEach() : move(event)), true);
  document.addEventListener("focusin", ({ target }) => {
    const group = target.closest?.("[data-roving]");
    if (group) left.set(group, target);
  });

  /* The lesion that is looked at is in sight, and has the focus where the one before had it. */
  const bring = (row) => row?.scrollIntoView({ block: "nearest" });
  const sizes = new ResizeObserver((changes) => changes.forEach(({ target }) => bring(chosenIn(target))));
  let brought = null;
  let grown = null;
  new MutationObserver(() => {
    const last = grown;
    if ((grown = document.querySelector("li[aria-current=true]")) !== last) bring(grown);
    const chosen = document.querySelector("tr[aria-selected=true]"); // its row may be new
    if (chosen === brought) return;
    brought = chosen;
    if (!chosen) return;
    bring(chosen);
    sizes.observe(chosen.closest("[data-roving]").parentElement);
    if (document.activeElement.matches("tr")) chosen.focus();
  }).observe(document, { subtree: true, childList: true, attributeFilter: ["aria-selected", "aria-current"] });
})();
