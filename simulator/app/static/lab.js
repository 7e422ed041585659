/* The persona lab: the YAML text is the truth. What is typed there goes to the server, which draws the form anew; what is
   changed in the form goes there with the text, and a new text comes back. Unsaved text is kept in this browser. */
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const kept = {
    get: (k) => { try { return localStorage.getItem(k); } catch { return null; } },
    set: (k, v) => { try { v === null ? localStorage.removeItem(k) : localStorage.setItem(k, v); } catch { /* private window */ } },
  };
  const editor = () => $("#lab-text");
  const opened = () => editor()?.dataset.opened || "";
  const draft = () => `dcs-lab-draft-${opened()}`;
  let touched = {}, waiting = 0, opening = true;

  const later = (what) => { clearTimeout(waiting); waiting = setTimeout(what, 350); };
  const read = () => DCS.act("lab-yaml", { do: "read", opened: opened(), text: editor().value });
  const write = () => DCS.act("lab-sheet", { do: "write", opened: opened(), text: editor().value, touched: JSON.stringify(touched) });

  addEventListener("input", (event) => {
    const at = event.target;
    if (at === editor()) {
      touched = {};
      kept.set(draft(), at.value);
      return later(read);
    }
    if (at.dataset.for) document.getElementById(at.dataset.for).value = at.value;
    const box = at.dataset.for ? document.getElementById(at.dataset.for) : at.closest?.("#lab-form [name]");
    if (!box) return;
    const slider = $(`[data-for="${CSS.escape(box.id)}"]`);
    if (slider && slider !== at) slider.value = box.value;
    touched[box.name] = box.type === "checkbox" ? (box.checked ? "on" : "") : box.value;
    later(write);
  });

  addEventListener("change", async (event) => {
    if (event.target.id !== "lab-file" || !event.target.files.length) return;
    const [file] = event.target.files;
    event.target.value = "";
    show("edit");
    editor().value = file.size > 1000000 ? `# ${file.name} is too long to be a persona` : await file.text();
    editor().dispatchEvent(new Event("input", { bubbles: true }));
    editor().focus();
  });

  addEventListener("click", (event) => {
    const at = event.target.closest?.("[data-tab], [data-line], [data-drop], #lab-open");
    if (!at) return;
    if (at.id === "lab-open") opening = true;
    else if ("tab" in at.dataset) show(at.dataset.tab);
    else if ("line" in at.dataset) jump(Number(at.dataset.line));
    else { kept.set(draft(), null); DCS.act("lab-yaml", { do: "open", text: opened() }); }
  }, true);

  addEventListener("keydown", (event) => {
    const tab = event.target.closest?.("[data-tab]");
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (tab && step) {
      const tabs = $$("[data-tab]"), next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
      show(next.dataset.tab);
      next.focus();
    }
    if (event.target.id === "lab-say" && event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      $("#lab-send").click();
    }
  });

  function show(name) {
    document.body.dataset.lab = name;
    for (const tab of $$("[data-tab]")) {
      tab.setAttribute("aria-selected", String(tab.dataset.tab === name));
      tab.tabIndex = tab.dataset.tab === name ? 0 : -1;
    }
  }

  function jump(line) {
    const box = editor(), lines = box.value.split("\n");
    const start = lines.slice(0, line - 1).reduce((sum, l) => sum + l.length + 1, 0);
    show("edit");
    box.focus();
    box.setSelectionRange(start, start + (lines[line - 1] || "").length);
    box.scrollTop = Math.max(0, (line - 6) * parseFloat(getComputedStyle(box).lineHeight));
  }

  addEventListener("drawn", ({ detail: name }) => {
    if (name === "lab-top") show(document.body.dataset.lab || "edit");
    if (name === "lab-yaml" && editor()) text();
    if (name === "lab-state") marked($("#lab-state-text"));
  });

  /* A persona was opened: what was not saved the last time is put back. */
  function text() {
    if (!opening) return kept.set(draft(), editor().value);
    const wanted = kept.get("dcs-lab-opened"), here = opened();
    if (!document.body.dataset.labReady) {
      document.body.dataset.labReady = "1";
      if (wanted && wanted !== here && $(`#lab-who option[value="${CSS.escape(wanted)}"]`))
        return void setTimeout(() => DCS.act("lab-yaml", { do: "open", text: wanted }), 0);
    }
    opening = false;
    touched = {};
    kept.set("dcs-lab-opened", here);
    const before = kept.get(draft());
    if (before === null || before === editor().value) return;
    editor().value = before;
    $("#lab-draft").hidden = false;
    setTimeout(read, 0);
  }

  function marked(state) {
    if (!state) return;
    if ("saved" in state.dataset) kept.set(draft(), null);
    for (const box of $$("#lab-form [aria-invalid]")) box.removeAttribute("aria-invalid");
    const key = state.dataset.key || "";
    const box = key && $$("#lab-form [name]").find((b) => key === b.name || key.startsWith(`${b.name}.`));
    if (box) box.setAttribute("aria-invalid", "true");
  }
})();
