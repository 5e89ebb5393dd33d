"use strict";
/* What a page needs of the browser itself: choosing and dropping files, keys, and what to say when the server is gone. */
window.cmb = (() => {
  const LARGEST_BYTES = 2048 * 2 ** 20;
  const set = (values) => window.trame.state.update(values);
  const tell = (message, hint) => set({ message, message_hint: hint, message_kind: "error", message_shown: true });

  /* Sends files in one request; `then` gets the answer where it is a good one, what is refused is told. */
  function post(address, files, then) {
    if (!files.length) return;
    const size = files.reduce((sum, file) => sum + file.size, 0);
    if (size > LARGEST_BYTES) {
      tell("This is larger than 2 GB.", "Choose one T2* or SWI series.");
      return;
    }
    const form = new FormData();
    files.forEach((file) => form.append("scan", file, file.name));
    const request = new XMLHttpRequest();
    request.open("POST", address);
    request.responseType = "blob";
    request.upload.onprogress = (event) =>
      set({ upload: event.total ? Math.round((100 * event.loaded) / event.total) : 0 });
    request.upload.onload = () => set({ upload: -1 });
    request.onloadend = async () => {
      set({ upload: -1 });
      if (request.status === 200 || request.status === 204) return then(request.response);
      then(null);
      try {
        const { message, hint } = JSON.parse(await request.response.text());
        tell(message, hint);
      } catch {
        tell("The scan could not be sent.", "Reload the page and try again.");
      }
    };
    set({ upload: 0, message_shown: false });
    request.send(form);
  }

  const send = (files, name) => post("upload?name=" + encodeURIComponent(name || ""), files, () => {});

  function compare() {
    const input = document.createElement("input");
    input.type = "file";
    input.multiple = true;
    input.onchange = () => {
      const tab = window.open("about:blank", "_blank");
      post("compare", [...input.files], (page) => (page ? show(tab, page) : tab?.close()));
    };
    input.click();
  }

  function choose(folder) {
    const input = document.createElement("input");
    input.type = "file";
    if (folder) input.webkitdirectory = true;
    else input.multiple = true;
    input.onchange = () => {
      const files = [...input.files];
      send(files, folder && files.length ? files[0].webkitRelativePath.split("/")[0] : "");
    };
    input.click();
  }

  async function filesOf(entry) {
    if (entry.isFile) return [await new Promise((done, fail) => entry.file(done, fail))];
    const reader = entry.createReader();
    const found = [];
    for (;;) {
      const some = await new Promise((done, fail) => reader.readEntries(done, fail));
      if (!some.length) return found;
      for (const one of some) found.push(...(await filesOf(one)));
    }
  }

  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("cmb-dropping");
  });
  document.addEventListener("dragleave", () => document.body.classList.remove("cmb-dropping"));
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    document.body.classList.remove("cmb-dropping");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
    const files = entries.length ? [] : [...event.dataTransfer.files]; // what a script or another page gives has no entry
    for (const entry of entries) files.push(...(await filesOf(entry)));
    send(files, entries.length === 1 && entries[0].isDirectory ? entries[0].name : "");
  });

  /* Keys: the server knows what they do. None acts while one types, nor behind a dialog or a menu, but for the help's. */
  const TYPING = "input:not([type=range]):not([type=checkbox]), textarea, [contenteditable]";
  const OVERLAY = ".v-overlay--active.v-dialog, .v-overlay--active.v-menu, .cmb-ended";
  const SLICE_UNDER_MOUSE = ".layout-grid-item:has(.view-slider) .remote-controlled-area:hover";
  const QT_NAMES = {
    Delete: "Del", Enter: "Return", Escape: "Esc", PageUp: "PgUp", PageDown: "PgDown", Insert: "Ins", " ": "Space",
    ArrowUp: "Up", ArrowDown: "Down", ArrowLeft: "Left", ArrowRight: "Right",
  };
  const MODIFIERS = ["Control", "Shift", "Alt", "Meta", "AltGraph"];
  const isOpen = (list) => CSS.supports("selector(:open)") && list.matches(":open");
  const keyOf = (event) => {
    const name = QT_NAMES[event.key] || (event.key.length === 1 ? event.key.toUpperCase() : event.key);
    const shift = event.shiftKey && (event.ctrlKey || event.key.length > 1);
    return (event.ctrlKey ? "Ctrl+" : "") + (shift ? "Shift+" : "") + name;
  };

  /* A list must not take the next arrow key: by then, another lesion is shown. */
  const leaveList = (list) => {
    const row = document.querySelector("tr[aria-selected=true]");
    if (row?.checkVisibility()) row.focus();
    else list.blur();
  };

  const press = (event) => {
    const key = keyOf(event);
    if (event.altKey || event.metaKey || !(window.trame?.state?.get("keys_heard") || []).includes(key)) return;
    if (event.target.closest?.(TYPING)) return;
    if (event.key === "Enter" && event.target.closest?.("button, a, [role=button]")) return;
    if (event.target.matches?.("select") && (isOpen(event.target) || event.key.length > 1)) return;
    if (document.querySelector(OVERLAY) && key !== window.trame.state.get("key_of_help")) return;
    event.preventDefault();
    if (event.target.matches?.("select")) leaveList(event.target);
    window.trame.trigger("key", [key, window.trame.state.get("panel"), !!document.querySelector(SLICE_UNDER_MOUSE)]);
  };
  document.addEventListener("keydown", press);

  /* Slicer's views have keys of their own (B and F turn slices, G hides outlines): none reaches them. */
  for (const kind of ["keydown", "keypress", "keyup"])
    document.addEventListener(
      kind,
      (event) => {
        if (!event.target.closest?.(".remote-controlled-area")) return;
        event.stopPropagation();
        if (kind === "keydown") press(event);
      },
      true,
    );

  const toVerdict = () =>
    (document.querySelector(".cmb-decide:not([disabled])") || document.querySelector(".cmb-step"))?.focus();

  /* Keys that a reader has changed are kept in this browser. */
  const KEPT = "cmb_keys";
  const keep = (changed) => localStorage.setItem(KEPT, JSON.stringify(changed));
  let forgetKey = () => {};

  function changeKey(action, button) {
    forgetKey();
    const take = async (event) => {
      if (MODIFIERS.includes(event.key)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      forgetKey();
      const held = (event.altKey ? "Alt+" : "") + (event.metaKey ? "Meta+" : "");
      if (event.key !== "Escape") keep(await window.trame.trigger("set_key", [action, held + keyOf(event)]));
    };
    forgetKey = () => {
      window.removeEventListener("keydown", take, true);
      window.removeEventListener("pointerdown", forgetKey, true); // a click elsewhere: the help may be closed
      button.classList.remove("cmb-asked");
    };
    window.addEventListener("keydown", take, true);
    window.addEventListener("pointerdown", forgetKey, true);
    button.classList.add("cmb-asked");
  }

  const resetKeys = async () => keep(await window.trame.trigger("reset_keys", []));

  /* So is the name of who reads, until another is given. */
  const READER = "cmb_reader";

  async function nameReader(name) {
    const taken = await window.trame.trigger("name_reader", [name]);
    if (taken) localStorage.setItem(READER, taken);
  }

  function takeKept() {
    if (!window.trame?.state?.get("keys")) return setTimeout(takeKept, 50);
    const kept = localStorage.getItem(KEPT);
    if (kept && kept !== "{}") window.trame.trigger("keys_kept", [JSON.parse(kept)]);
    const reader = localStorage.getItem(READER);
    if (reader && !window.trame.state.get("reader")) window.trame.trigger("reader_kept", [reader]);
  }
  takeKept();

  /* What was clicked or chosen with the mouse gives the focus back: the next key is not for it. */
  let byKey = false;
  document.addEventListener("pointerdown", () => (byKey = false), true);
  document.addEventListener("keydown", () => (byKey = true), true);
  document.addEventListener("click", (event) => event.detail && event.target.closest?.("button")?.blur());
  document.addEventListener("change", ({ target }) => {
    if (!target.matches?.("select")) return;
    if ("_value" in target) target.value = target._value ?? ""; // Vue's: what is true until the server says otherwise
    if (!byKey) target.blur();
  });

  /* trame forbids to zoom the page. */
  document.querySelector("meta[name=viewport]").content = "width=device-width, initial-scale=1";

  /* The pictures take the focus: each is named by its view. */
  const nameViews = () =>
    document.querySelectorAll(".remote-controlled-area:not([aria-label])").forEach((area) => {
      const name = area.parentElement.querySelector(".view-name");
      if (!name) return;
      area.setAttribute("role", "group");
      area.setAttribute("aria-label", name.textContent + " view");
      area.querySelectorAll("img").forEach((picture) => (picture.alt = ""));
    });
  new MutationObserver(nameViews).observe(document, { childList: true, subtree: true });

  /* The connection: when it ends, say why and what is left. */
  const ELSEWHERE = ["This session is shown in another tab.", "Nothing is lost: one tab at a time shows it.", "Use it here"];
  const ENDED = ["The page's own process has ended.", "What you reviewed is saved.", "Go on"];
  const GONE = ["The server was stopped or restarted.", "What you reviewed is saved on its machine.", "Go on"];
  let ended = false;

  const LOST = "What was saved before is there; what could not be saved since is lost.";

  async function whyEnded() {
    try {
      const standing = await (await fetch("standing", { cache: "no-store" })).json();
      return standing.elsewhere ? ELSEWHERE : standing.ended ? ENDED : GONE;
    } catch {
      return GONE;
    }
  }

  async function sayEnded() {
    if (ended) return;
    ended = true;
    const why = await whyEnded();
    const [message, saved, action] = why;
    const hint = why !== ELSEWHERE && window.trame.state.get("not_saved") ? LOST : saved;
    const box = document.createElement("div");
    box.className = "cmb-ended";
    box.setAttribute("role", "alertdialog");
    box.innerHTML = "<div><h1></h1><p></p><button></button></div>";
    box.querySelector("h1").textContent = message;
    const [text, button] = [box.querySelector("p"), box.querySelector("button")];
    text.textContent = hint;
    button.textContent = action;
    button.onclick = () => window.location.assign("/");
    document.body.append(box);
    if (why === ELSEWHERE) return;
    button.disabled = true;
    const wait = async () => {
      try {
        if ((await fetch("alive", { cache: "no-store" })).ok) {
          button.disabled = false;
          text.textContent = hint + " The server answers again.";
          button.focus();
          return;
        }
      } catch {
        text.textContent = hint + " Waiting for the server …";
      }
      setTimeout(wait, 1000);
    };
    wait();
  }
  let leaving = false;
  window.addEventListener("beforeunload", () => (leaving = true));
  const watch = () => {
    if (!window.trame?.client) return setTimeout(watch, 50);
    window.trame.client.onConnectionClose(() => !leaving && sayEnded());
  };
  watch();

  /* The cookie is renewed by requests, of which a page that is only read and decided in makes none. */
  setInterval(() => !ended && fetch("standing", { cache: "no-store" }).catch(() => {}), 3600000);

  /* Taking home: fetched first, so that what is refused is said in the page and not in an empty tab. */
  function show(tab, blob, name) {
    const url = URL.createObjectURL(blob);
    if (tab) tab.location = url;
    else Object.assign(document.createElement("a"), { href: url, download: name || "comparison.html" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 600000);
  }

  async function take(what) {
    const tab = what === "report" ? window.open("about:blank", "_blank") : null;
    set({ busy: what === "scene" ? "Saving the scene …" : "Writing the results …" });
    try {
      const answer = await fetch("download/" + what, { cache: "no-store" });
      if (!answer.ok) {
        tab?.close();
        const { message, hint } = await answer.json();
        tell(message, hint);
        return;
      }
      const told = answer.headers.get("Content-Disposition") || "";
      const encoded = /filename\*=UTF-8''([^;]+)/.exec(told); // in any script
      const named = encoded ? ["", decodeURIComponent(encoded[1])] : /filename="([^"]+)"/.exec(told);
      show(tab, await answer.blob(), named ? named[1] : what);
    } catch {
      tab?.close();
      tell("The export did not arrive.", "Try again.");
    } finally {
      set({ busy: "" });
    }
  }

  async function forget() {
    if (!window.confirm("Remove all scans and reviews of this session from the server? What was not exported is lost.")) return;
    leaving = true;
    await fetch("forget", { method: "POST" });
    window.location.assign("/");
  }

  /* A Vue plugin: a component whose script is loaded when it is first shown. */
  const later = {
    install(app, { component, plugin, script }) {
      const load = () =>
        new Promise((done, fail) => {
          const tag = Object.assign(document.createElement("script"), { src: script, onerror: fail });
          tag.onload = () => window[plugin].install({ component: (name, one) => name === component && done(one) });
          document.head.append(tag);
        });
      app.component(component, window.Vue.defineAsyncComponent(load));
    },
  };

  return { later, changeKey, resetKeys, nameReader, toVerdict, chooseFile: () => choose(false), chooseFolder: () => choose(true), compare, take, forget };
})();
