/* The page's script. It draws each part from the HTML the server sends, changing only what differs (so that what is
   open, typed, focused or scrolled stays so), reports clicks and choices, and carries out the server's orders. */
(() => {
  if (window.DCS) return;
  const DCS = (window.DCS = {});
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const wide = matchMedia("(min-width: 860px)");
  const store = { get: (k) => { try { return localStorage.getItem(k); } catch { return null; } },
                  set: (k, v) => { try { localStorage.setItem(k, v); } catch { /* private window */ } } };

  /* ---- drawing ---- */
  const key = (node) => (node.nodeType === 1 ? node.dataset.k || node.id || "" : "");
  const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && key(a) === key(b);

  function attributes(have, want) {
    const own = (name) => have.tagName === "DETAILS" && (name === "open" || name === "data-known");
    for (const { name, value } of [...want.attributes])
      if (!own(name) && have.getAttribute(name) !== value) have.setAttribute(name, value);
    for (const { name } of [...have.attributes])
      if (!want.hasAttribute(name) && !own(name)) have.removeAttribute(name);
  }

  function update(have, want) {
    if (have.nodeType !== 1) { if (have.nodeValue !== want.nodeValue) have.nodeValue = want.nodeValue; return; }
    attributes(have, want);
    if (have.tagName !== "TEXTAREA") morph(have, want);
  }

  function morph(parent, wanted) {
    const keyed = new Map();
    for (const child of parent.childNodes) if (key(child)) keyed.set(key(child), child);
    let at = parent.firstChild;
    for (const want of [...wanted.childNodes]) {
      const named = key(want);
      let have = named ? keyed.get(named) : null;
      if (have && !alike(have, want)) have = null;
      if (!named && at && alike(at, want)) have = at;
      if (!have) { parent.insertBefore(want, at); continue; }
      if (have === at) at = at.nextSibling; else parent.insertBefore(have, at);
      update(have, want);
    }
    while (at) { const next = at.nextSibling; at.remove(); at = next; }
  }

  /* ---- regions ---- */
  const drawn = {};
  DCS.region = (element, trigger, props, watch) => {
    const name = element.closest("[id]:not([id^='html-'])")?.id || element.id;
    const fire = (data) => trigger("act", data);
    drawn[name] = fire;
    if (name === "banner") element.setAttribute("role", "status");
    const draw = () => {
      const template = document.createElement("template");
      template.innerHTML = props.value || "";
      if (late(template.content.firstElementChild, element.firstElementChild)) return;
      morph(element, template.content);
      after(name, element);
    };
    watch("value", draw);
    element.addEventListener("click", (event) => clicked(event, fire));
    element.addEventListener("change", (event) => changed(event, fire));
    element.addEventListener("submit", (event) => event.preventDefault());
    element.addEventListener("focusout", (event) => left(event, fire));
    element.addEventListener("input", typed);
    draw();
  };

  /* Another call's part, sent by something that was left behind (a turn, a search): only what is opened takes its place. */
  const late = (want, have) =>
    want?.dataset.call && have?.dataset.call && want.dataset.call !== have.dataset.call && !("opening" in want.dataset);

  function after(name, element) {
    for (const box of $$("details[data-wide-open]", element))
      if (!box.dataset.known) { box.dataset.known = "1"; box.open = wide.matches; }
    for (const box of $$("[data-kb]", element)) filter(box);
    for (const box of $$("[data-scroll-end]", element)) box.scrollTop = box.scrollHeight;
    if (name === "signal") orders($("[data-n]", element));
    if (name === "stage" || name === "banner") sending = 0;
    if (name === "stage") staged($(".stage", element));
    if (name === "setup") restore(element);
    if (name === "preview") gate(element);
    if (name === "bar") joined($("#room-strip", element));
    element.dispatchEvent(new CustomEvent("drawn", { bubbles: true, detail: name }));
  }
  DCS.act = (name, data) => drawn[name]?.(data);

  const form = () => {
    const f = $("#setup-form");
    return f ? Object.fromEntries(new FormData(f)) : {};
  };

  async function clicked(event, fire) {
    const target = event.target.closest("[data-act], [data-dismiss], [data-surprise], [data-theme], [data-jump], [data-skip]");
    if (!target || target.disabled) return;
    const d = target.dataset;
    if ("dismiss" in d) { target.closest(".banner").remove(); focusSay(); return; }
    if ("surprise" in d) return surprise();
    if ("theme" in d) return flip();
    if ("skip" in d) { event.preventDefault(); focusOn(`${document.body.dataset.screen}-title`); return; }
    if ("jump" in d) {
      event.preventDefault();
      const there = document.getElementById(d.jump);
      if (there) { there.scrollIntoView({ block: "center", behavior: calm() ? "auto" : "smooth" }); there.focus({ preventScroll: true }); }
      return;
    }
    if (!("act" in d)) return;
    if (d.act === "start" && target.getAttribute("aria-disabled") === "true") {
      const tick = $("#preview [data-gate]:not(:checked)");
      const note = tick?.closest(".note");
      if (!note) return;
      note.classList.add("asked");
      note.scrollIntoView({ block: "center", behavior: calm() ? "auto" : "smooth" });
      tick.focus({ preventScroll: true });
      say("announce", $(".need", note).textContent);
      return;
    }
    if (d.confirm && !(await confirmed(d.confirm, d.confirmText || "", d.confirmYes || "Yes", target))) return;
    const data = { do: d.act };
    for (const name of ["turn", "page", "what"]) if (name in d) data[name] = d[name];
    const call = target.closest("[data-call]");
    if (call) data.call = call.dataset.call;
    const sheet = target.closest("form[data-form]");
    if (sheet) Object.assign(data, Object.fromEntries(new FormData(sheet)));
    if (d.act === "start") Object.assign(data, form(), { accepted: $("#accept-note")?.checked ?? true, consented: $("#accept-harsh")?.checked ?? false });
    if (d.act === "end" || d.act === "debrief") data.text = $("#notes")?.value;
    if (d.field) data.text = document.getElementById(d.field)?.value;
    if (["start", "branch", "same-again", "open", "debrief", "go-on", "note-check"].includes(d.act)) once(target);
    fire(data);
  }

  function once(button) {
    button.setAttribute("aria-busy", "true");
    const free = () => $("#banner-text[data-waits]") ? setTimeout(free, 500) : button.removeAttribute("aria-busy");
    setTimeout(free, 4000);
  }

  function changed(event, fire) {
    if (event.target.matches("[data-gate]")) return gate(event.currentTarget);
    if (event.target.closest("#setup-form") && event.target.name !== "seed") {
      const chosen = form();
      store.set("dcs-choice", JSON.stringify(chosen));
      fire({ do: "pick", ...chosen });
    }
  }

  function gate(element) {
    const ticks = $$("[data-gate]", element);
    if (!ticks.length) return;
    for (const tick of ticks) if (tick.checked) tick.closest(".note").classList.remove("asked");
    const gated = document.getElementById(ticks[0].dataset.gate);
    if (ticks.every((tick) => tick.checked)) gated.removeAttribute("aria-disabled"); else gated.setAttribute("aria-disabled", "true");
  }

  function restore(element) {
    if (element.dataset.restored || !$("#setup-form", element)) return;
    element.dataset.restored = "1";
    let chosen = {};
    try { chosen = JSON.parse(store.get("dcs-choice") || "{}"); } catch { /* forget it */ }
    let any = false;
    for (const [name, value] of Object.entries(chosen)) {
      const radio = $$(`input[type=radio][name="${CSS.escape(name)}"]`, element).find((r) => r.value === value);
      if (radio && !radio.checked) { radio.checked = true; any = true; }
    }
    if (any) setTimeout(() => drawn.setup({ do: "pick", ...form() }), 0);
  }

  function surprise() {
    for (const name of ["persona", "scenario"]) {
      const all = $$(`#setup-form input[name=${name}]:not(:checked)`);
      if (all.length) all[Math.floor(Math.random() * all.length)].checked = true;
    }
    const first = $("#setup-form input[name=persona]:checked");
    first.dispatchEvent(new Event("change", { bubbles: true }));
    first.closest("label").scrollIntoView({ block: "nearest", behavior: calm() ? "auto" : "smooth" });
  }

  function typed(event) {
    const box = event.target.closest("[data-kb]");
    if (box) filter(box);
    if (event.target.id === "notes") { unsaved = true; say("notes-state", "Not saved yet"); }
  }

  function filter(box) {
    const words = $(".kb-search", box).value.toLowerCase().split(/\s+/).filter(Boolean);
    let left = 0;
    for (const article of $$(".art", box)) {
      const has = words.every((word) => article.textContent.toLowerCase().includes(word));
      article.hidden = !has;
      left += has;
    }
    $(".kb-none", box).hidden = left > 0;
  }

  /* ---- notes: saved when left, and again once a turn that was going on is over ---- */
  let unsaved = false;
  function left(event) {
    if (event.target.id === "notes") saveNotes();
  }
  function saveNotes() {
    const notes = $("#notes");
    if (!unsaved || !notes) return;
    if (document.body.dataset.call === "busy") { say("notes-state", "Saved when this turn is over"); return; }
    unsaved = false;
    drawn.notepad({ do: "note", call: notes.closest("[data-call]").dataset.call, text: notes.value });
  }
  const say = (id, text) => { const place = document.getElementById(id); if (place) place.textContent = text; };

  /* ---- the call ---- */
  let heard = Date.now();
  function staged(stage) {
    heard = Date.now();
    const before = document.body.dataset.call;
    taken(stage);
    const state = stage ? stage.dataset.state : "";
    document.body.dataset.call = state;
    const send = $("#send");
    if (send) send.setAttribute("aria-disabled", String(["busy", "full", "failed", "ended"].includes(state)));
    if (before !== "busy" && state === "busy") $(".scroller", stage).scrollTop = 0;
    if (before === "busy" && state !== "busy" && state !== "full") setTimeout(saveNotes, 300);
    const box = $("#say textarea");
    if (box && !box.getAttribute("aria-label")) {
      box.setAttribute("aria-label", "What you say. Enter sends, Shift and Enter start a new line.");
      box.setAttribute("enterkeyhint", "send");
      box.title = "Enter sends, Shift+Enter starts a new line";
      box.setAttribute("dir", "auto");
    }
  }

  /* The words of a turn leave the text box once they are in the call that is shown. */
  let emptied = "";
  function taken(stage) {
    const box = $("#say textarea");
    const turn = stage && "sent" in stage.dataset ? `${stage.dataset.call} ${stage.dataset.sent}` : "";
    if (!box || !turn || turn === emptied) return;
    emptied = turn;
    box.value = "";
    box.dispatchEvent(new Event("input", { bubbles: true }));
  }
  DCS.turns = () => $("#stage .stage")?.dataset.turns || "";

  /* A turn of which nothing has been heard for long (the server was restarted, the line was cut) is asked for again; so is
     one that was kept while the machine was full, sooner. */
  setInterval(() => {
    const stage = $("#stage .stage");
    const { call, screen } = document.body.dataset;
    const full = call === "full";
    const patience = full ? 4000 + 3000 * Math.random() : 20000;
    if (!stage || !(full || call === "busy") || screen !== "during" || Date.now() - heard < patience) return;
    heard = Date.now();
    drawn.stage({ do: "resume", call: stage.dataset.call, again: full });
  }, 1000);

  /* One turn at a time: Enter or Send while one is being played does nothing, and what is typed stays. */
  let sending = 0;
  function hold(event) {
    const inBox = event.type === "keydown" && event.key === "Enter" && !event.shiftKey && event.target.closest("#say");
    if (event.isComposing && inBox) { event.stopImmediatePropagation(); return; }
    if (!(inBox || (event.type === "click" && event.target.closest("#send")))) return;
    if (Date.now() - sending < 3000 || ["busy", "full", "ended"].includes(document.body.dataset.call)) {
      event.preventDefault();
      event.stopImmediatePropagation();
    } else sending = Date.now();
  }
  addEventListener("keydown", hold, true);
  addEventListener("click", hold, true);

  function focusSay() {
    const active = document.activeElement;
    const elsewhere = active && active !== document.body && !active.closest("#talk, #banner, #before-cols, #screen-after, #screen-history, #bar");
    if (!elsewhere && document.body.dataset.screen === "during") $("#say textarea")?.focus({ preventScroll: true });
  }

  /* ---- in a workshop: what the facilitator says, asked for every three seconds ---- */
  let room = "";
  function joined(strip) {
    if (!strip || room) return;
    room = strip.dataset.now;
    const ask = async () => {
      const shown = $("#room-strip");
      try {
        const answer = await fetch(room, { cache: "no-store" });
        const now = answer.status === 403 ? { status: "gone", message: "" } : await answer.json();
        const said = {
          gone: "This browser has left the workshop: reload the page.",
          waiting: "The workshop has not started yet.",
          paused: "Your facilitator has paused the room. What you have typed stays here.",
          ended: "The workshop has ended. Your debriefs are under Your calls.",
        }[now.status];
        const text = [said, now.message].filter(Boolean).join(" ");
        shown.hidden = !text;
        if (shown.textContent !== text) shown.textContent = text;
      } catch { /* the server is away: ask again */ }
      setTimeout(ask, 3000);
    };
    ask();
  }

  /* ---- orders from the server ---- */
  let done = "";
  function orders(order) {
    if (!order || order.dataset.n === done) return;
    done = order.dataset.n;
    const what = JSON.parse(order.dataset.orders);
    if (what.call && what.call !== $("#stage .stage")?.dataset.call) return;
    if (what.screen) {
      const moved = document.body.dataset.screen !== what.screen;
      document.body.dataset.screen = what.screen;
      document.title = (what.title ? `${what.title} · ` : "") + "Difficult-customer simulator";
      for (const [id, on] of [["nav-new", "before"], ["nav-history", "history"]])
        document.getElementById(id)?.toggleAttribute("data-here", on === what.screen);
      scrollTo(0, 0);
      if (moved && !what.focus) requestAnimationFrame(() => focusOn(`${what.screen}-title`));
    }
    if (what.focus === "say") requestAnimationFrame(focusSay);
    else if (what.focus) requestAnimationFrame(() => focusOn(what.focus));
    if (what.announce) say("announce", what.announce);
    if (what.download) download(what.download);
  }

  function focusOn(id) {
    const place = document.getElementById(id);
    const active = document.activeElement;
    if (place && !(active && active.id === "notes")) place.focus({ preventScroll: id.endsWith("-title") });
  }

  function download({ name, type, text }) {
    const url = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
    const link = Object.assign(document.createElement("a"), { href: url, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }

  /* ---- asking back ---- */
  function confirmed(title, text, yes, from) {
    return new Promise((resolve) => {
      const dialog = document.createElement("dialog");
      dialog.className = "confirm";
      dialog.id = "confirm";
      dialog.setAttribute("aria-labelledby", "confirm-title");
      dialog.innerHTML = '<form method="dialog"><h2 id="confirm-title"></h2><p></p><div class="tools">' +
        '<button class="btn" value="no" id="confirm-no">Cancel</button>' +
        '<button class="btn primary" value="yes" id="confirm-yes"></button></div></form>';
      $("h2", dialog).textContent = title;
      $("p", dialog).textContent = text;
      $("#confirm-yes", dialog).textContent = yes;
      dialog.addEventListener("close", () => { const ok = dialog.returnValue === "yes"; dialog.remove(); if (!ok) from.focus(); resolve(ok); });
      $("#app").append(dialog);
      dialog.showModal();
    });
  }

  /* ---- light or dark ---- */
  const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
  function flip() {
    const dark = !document.body.classList.contains("dark");
    document.body.classList.toggle("dark", dark);
    store.set("dcs-theme", dark ? "dark" : "light");
  }
  const kept = store.get("dcs-theme");
  if (kept && document.body) document.body.classList.toggle("dark", kept === "dark");

  wide.addEventListener("change", () => { for (const box of $$("details[data-wide-open]")) box.open = wide.matches; });
  addEventListener("beforeunload", () => { if (unsaved) saveNotes(); });
})();
