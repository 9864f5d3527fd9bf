// The differences between two releases. `#4.17..4.22/x86_64` says which.
"use strict";

atlas.changes = (data) => {
  const element = (id) => document.getElementById(id);
  const [from, to, arch, filter, breaks] = ["from", "to", "arch", "filter", "breaks"].map(element);
  const make = (tag, text, className) => {
    const made = document.createElement(tag);
    if (text) made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

  const read = () => {
    const match = /^#([^.]+\.[^.]+)\.\.([^/]+)(?:\/(.+))?$/.exec(location.hash);
    if (!match) return;
    if (data.releases.includes(match[1])) from.value = match[1];
    if (data.releases.includes(match[2])) to.value = match[2];
    if (data.arches.includes(match[3])) arch.value = match[3];
  };

  // The changes of each name, by header.
  const differences = (old, now, on) => {
    const text = filter.value.trim().toLowerCase();
    const headers = new Map();
    for (const [name, page, header, states, steps] of data.names) {
      if (!states[on].length || (text && !name.toLowerCase().includes(text))) continue;
      const all = steps[`${states[on][old]}>${states[on][now]}`] ?? [];
      const shown = breaks.checked ? all.filter(([, isBreak]) => isBreak) : all;
      if (!shown.length) continue;
      if (!headers.has(header)) headers.set(header, []);
      headers.get(header).push({ name, page, steps: shown });
    }
    return [...headers].sort(([a], [b]) => (a < b ? -1 : 1));
  };

  const line = ({ name, page, steps }) => {
    const item = make("li");
    const link = make("a", name);
    link.href = page;
    const what = make("span", null, "steps");
    steps.forEach(([text, isBreak], at) => {
      if (at) what.append(", ");
      if (isBreak) what.append(make("strong", "! ", "breaks"));
      what.append(text);
    });
    item.append(link, " ", what);
    return item;
  };

  const show = () => {
    let [old, now] = [from, to].map((choice) => data.releases.indexOf(choice.value));
    if (old > now) {
      [from.value, to.value] = [to.value, from.value];
      [old, now] = [now, old];
    }
    const on = data.arches.indexOf(arch.value);
    const title = `${from.value} to ${to.value} on ${arch.value}`;
    document.title = `${title} - Xen ABI atlas`;
    const missing = [old, now].filter((release) => !data.known[on][release]);
    if (missing.length) {
      element("summary").textContent = `Xen ${data.releases[missing[0]]} has no ${arch.value}.`;
      element("differences").replaceChildren();
      return;
    }
    const headers = differences(old, now, on);
    const names = headers.flatMap(([, list]) => list);
    const steps = names.flatMap((entry) => entry.steps);
    const broken = names.filter((entry) => entry.steps.some(([, isBreak]) => isBreak)).length;
    element("summary").textContent = names.length
      ? `${title}: ${counted(steps.length, "change")} of ${counted(names.length, "name")} in ${counted(headers.length, "header")}; `
        + `${counted(broken, "name")} with a break (!) of a stable interface.`
      : `${title}: no difference.`;
    element("differences").replaceChildren(...headers.flatMap(([header, list]) => {
      const title = make("h2");
      const link = make("a", header);
      link.href = `headers/${header}.html`;
      title.append(link, make("span", ` ${list.length}`));
      const lines = make("ul", null, "changes");
      lines.append(...list.map(line));
      return [title, lines];
    }));
  };

  const chosen = () => {
    show();
    history.replaceState(null, "", `#${from.value}..${to.value}/${arch.value}`);
  };
  element("compare").addEventListener("submit", (event) => event.preventDefault());
  [from, to, arch, breaks].forEach((choice) => choice.addEventListener("change", chosen));
  filter.addEventListener("input", show);
  addEventListener("hashchange", () => { read(); show(); });
  read();
  show();
};
