// Colours and search, on every page. The data for the search is loaded when the search is first used.
"use strict";

const atlas = (() => {
  const html = document.documentElement;
  const root = html.dataset.root;
  // What keeps settings may be forbidden; then they last as long as the page.
  const stored = (value) => {
    try {
      if (value === undefined) return localStorage.getItem("theme");
      localStorage.setItem("theme", value);
    } catch { /* nothing is kept */ }
    return null;
  };

  const themes = ["auto", "light", "dark"];
  let theme = themes.includes(stored()) ? stored() : "auto";
  const paint = () => {
    if (theme === "auto") delete html.dataset.theme;
    else html.dataset.theme = theme;
  };
  paint();

  const themeButton = () => {
    const button = document.getElementById("theme");
    const label = () => {
      button.textContent = theme[0].toUpperCase() + theme.slice(1);
      button.setAttribute("aria-label", `Colours: ${theme === "auto" ? "as the system" : theme}`);
    };
    button.hidden = false;
    button.addEventListener("click", () => {
      theme = themes[(themes.indexOf(theme) + 1) % themes.length];
      stored(theme);
      paint();
      label();
    });
    label();
  };

  // The index: every name with what it is and where it is.
  let entries = null;
  let waiting = [];
  const whenLoaded = (run) => {
    if (entries) return run();
    waiting.push(run);
    if (waiting.length > 1) return;
    const script = document.createElement("script");
    script.src = `${root}data/search.js`;
    document.head.append(script);
  };
  const search = (data) => {
    entries = [];
    const add = (name, kind, page, value) => entries.push({ name, low: name.toLowerCase(), kind, page, value });
    for (const name of data.hypercalls) add(name, "hypercall", `hypercalls/${name}.html`);
    for (const name of data.headers) add(name, "header", `headers/${name}.html`);
    for (const [name, alias, members] of data.types) {
      const page = alias ? `types/${alias}.html#${name}` : `types/${name}.html`;
      add(name, "type", page);
      for (const member of members ? members.split(" ") : []) {
        entries.push({ name: `${name}.${member}`, low: member.toLowerCase(), kind: "member", page });
      }
    }
    for (const [header, constants] of Object.entries(data.constants)) {
      for (const [name, value, apart] of constants) {
        add(name, header, `headers/${header}.html#${name}${apart ? ".constant" : ""}`, value);
      }
    }
    waiting.forEach((run) => run());
    waiting = [];
  };

  // How well a name fits: lower is better, none if it does not.
  const rank = ({ low, kind }, text) => {
    const at = low.indexOf(text);
    if (at < 0) return null;
    const member = kind === "member" ? 3 : 0;
    if (low === text) return member;
    if (at === 0) return 1 + member;
    return (/[_./]/.test(low[at - 1]) ? 2 : 6) + member;
  };
  const number = (text) => {
    if (!/^-?(0x[0-9a-f]+|[0-9]+)$/.test(text)) return null;
    const negative = text.startsWith("-");
    const value = BigInt(negative ? text.slice(1) : text);
    return { value: `${negative ? -value : value}`, error: negative ? `${value}` : null };
  };
  const find = (query) => {
    const text = query.trim().toLowerCase().replace(/^(struct|union|enum) +/, "");
    if (!text) return [];
    const asked = number(text);
    const [type, member] = text.split(".", 2);
    const found = [];
    for (const entry of entries) {
      let score = null;
      if (asked) {
        if (entry.value === asked.value) score = entry.name.startsWith("XEN_E") ? 0 : 1;
        else if (asked.error && entry.value === asked.error && entry.name.startsWith("XEN_E")) score = 0;
      } else if (member && entry.kind === "member") {
        if (entry.low.startsWith(member) && entry.name.toLowerCase().startsWith(`${type}.`)) score = 0;
      }
      if (score === null) score = rank(entry, text);
      if (score !== null) found.push([score, entry]);
    }
    found.sort(([a, x], [b, y]) => a - b || x.name.length - y.name.length || (x.name < y.name ? -1 : 1));
    return found.slice(0, 40).map(([, entry]) => entry);
  };

  const searchBox = () => {
    const input = document.getElementById("search");
    const list = document.getElementById("results");
    let chosen = -1;
    const options = () => [...list.querySelectorAll("[role=option]")];
    const close = () => {
      list.hidden = true;
      input.setAttribute("aria-expanded", "false");
      input.removeAttribute("aria-activedescendant");
    };
    const choose = (at) => {
      const all = options();
      chosen = all.length ? (at + all.length) % all.length : -1;
      all.forEach((option, i) => option.setAttribute("aria-selected", i === chosen ? "true" : "false"));
      if (chosen < 0) return input.removeAttribute("aria-activedescendant");
      input.setAttribute("aria-activedescendant", all[chosen].id);
      all[chosen].scrollIntoView({ block: "nearest" });
    };
    const highlighted = (name, text) => {
      const code = document.createElement("code");
      const at = text ? name.toLowerCase().indexOf(text) : -1;
      if (at < 0) {
        code.textContent = name;
      } else {
        const mark = document.createElement("mark");
        mark.textContent = name.slice(at, at + text.length);
        code.append(name.slice(0, at), mark, name.slice(at + text.length));
      }
      return code;
    };
    const show = () => {
      const text = input.value.trim().toLowerCase();
      if (!text) return close();
      whenLoaded(() => {
        const rows = find(input.value).map((entry, i) => {
          const option = document.createElement("li");
          option.id = `result-${i}`;
          option.setAttribute("role", "option");
          const link = document.createElement("a");
          link.href = root + entry.page;
          link.tabIndex = -1;
          const note = document.createElement("span");
          note.textContent = entry.value === undefined ? entry.kind : `= ${entry.value}`;
          link.append(highlighted(entry.name, text), note);
          option.append(link);
          return option;
        });
        if (!rows.length) {
          const none = document.createElement("li");
          none.className = "none";
          none.textContent = "Nothing has that in its name.";
          rows.push(none);
        }
        list.replaceChildren(...rows);
        list.hidden = false;
        input.setAttribute("aria-expanded", "true");
        choose(0);
      });
    };
    input.addEventListener("focus", () => whenLoaded(() => {}));
    input.addEventListener("input", show);
    input.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") choose(chosen + 1);
      else if (event.key === "ArrowUp") choose(chosen - 1);
      else if (event.key === "Escape") { input.value = ""; close(); return; }
      else if (event.key === "Enter") options()[chosen]?.querySelector("a").click();
      else return;
      event.preventDefault();
    });
    list.addEventListener("click", close);
    document.addEventListener("click", (event) => {
      if (!event.target.closest(".search")) close();
    });
    document.addEventListener("keydown", (event) => {
      const typing = event.target.closest("input, select, textarea");
      if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      input.focus();
      input.select();
    });
  };

  // go.html#NAME: the page of a name, whatever it is.
  const go = () => {
    const status = document.getElementById("go");
    if (!status) return;
    const run = () => {
      let name = location.hash.slice(1);
      try { name = decodeURIComponent(name); } catch { /* as it is */ }
      if (!name) return void (status.textContent = "Put a name after the # of this page's address.");
      whenLoaded(() => {
        const entry = entries.find((known) => known.name === name && known.kind !== "member");
        if (entry) location.replace(root + entry.page);
        else status.textContent = `No header, type, constant or hypercall is called ${name}.`;
      });
    };
    addEventListener("hashchange", run);
    run();
  };

  document.addEventListener("DOMContentLoaded", () => {
    themeButton();
    searchBox();
    go();
  });
  return { search };
})();
