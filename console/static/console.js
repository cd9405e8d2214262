// Keyboard work in lists. Everything here is a convenience: each page works without it.
(() => {
  "use strict";
  const KEY = "vigie-keys";
  const rows = () => [...document.querySelectorAll("[data-row]")].filter((row) => row.offsetParent !== null);
  const target = (row) => row.querySelector("a[href^='/cases/'], a[href], summary") || row;
  const dialog = document.getElementById("keys");
  const help = document.getElementById("help");
  const on = document.getElementById("keys-on");
  const search = document.getElementById("q");

  const remember = (value) => { try { localStorage.setItem(KEY, value); } catch { /* private window: not kept */ } };
  const enabled = () => { try { return localStorage.getItem(KEY) !== "off"; } catch { return true; } };

  const move = (step) => {
    const all = rows();
    if (!all.length) return;
    const here = all.findIndex((row) => row.contains(document.activeElement));
    const next = here < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, here + step));
    const goal = all[next].hasAttribute("tabindex") ? all[next] : target(all[next]);
    goal.focus();
    all[next].scrollIntoView({ block: "nearest" });
  };

  // The answer that a key stands for, in the row where the reader is.
  const press = (key) => {
    const row = document.activeElement.closest("[data-row]");
    const goal = row && row.querySelector(`[data-key="${key}"]`);
    if (goal) goal.click();
  };

  const actions = {
    ...Object.fromEntries([..."ynYNua"].map((key) => [key, () => press(key)])),
    j: () => move(1),
    k: () => move(-1),
    "/": () => search && (search.focus(), search.select()),
    "?": () => dialog && !dialog.open && dialog.showModal(),
    Enter: () => {
      const row = document.activeElement;
      if (row && row.matches("[data-row]")) { const goal = target(row); if (goal !== row) goal.click(); }
    },
  };

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "Escape" && event.target === search) { search.blur(); return; }
    if (typing || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !enabled()) return;
    if (dialog && dialog.open) return;
    const act = actions[event.key];
    if (!act) return;
    if (event.key !== "Enter") event.preventDefault();
    act();
  });

  if (help && dialog && on) {
    help.hidden = false;
    help.addEventListener("click", () => dialog.showModal());
    on.checked = enabled();
    on.addEventListener("change", () => remember(on.checked ? "on" : "off"));
  }

  // A double click on a button is one click.
  document.addEventListener("submit", (event) => {
    if (event.target.method !== "post") return;
    if (event.target.dataset.sent) { event.preventDefault(); return; }
    event.target.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent));

  // A choice in a filter applies at once; the button stays for those who have no script.
  document.querySelectorAll("form.filters, form.brands").forEach((form) => {
    form.addEventListener("change", () => form.requestSubmit());
  });
  document.querySelectorAll("form.brands button").forEach((button) => { button.hidden = true; });
})();
