/* What the room's pages do without reloading: parts that are refreshed every two seconds, the facilitator's words on a trainee's
   page, printing, and asking back before something is ended. Everything works without this script, by reloading. */
(() => {
  const EVERY = 2000;

  /* ---- parts that the server draws: <div data-live="address"> ---- */
  for (const part of document.querySelectorAll("[data-live]")) {
    let shown = part.innerHTML, lost = 0;
    const refresh = async () => {
      if (!document.hidden) {
        try {
          const answer = await fetch(part.dataset.live, { cache: "no-store" });
          if (answer.status === 403) { location.reload(); return; }
          if (answer.ok) {
            const html = await answer.text();
            if (html !== shown) part.innerHTML = shown = html;
            lost = 0;
          } else lost++;
        } catch { lost++; }
        part.classList.toggle("stale", lost > 2);
      }
      setTimeout(refresh, EVERY);
    };
    setTimeout(refresh, EVERY);
  }

  /* ---- a trainee's page: paused, a message, or started meanwhile ---- */
  const strip = document.querySelector("[data-now]");
  if (strip) {
    let before = null;
    const ask = async () => {
      try {
        const answer = await fetch(strip.dataset.now, { cache: "no-store" });
        if (answer.status === 403) { location.reload(); return; }
        const now = await answer.json();
        const said = [now.status === "paused" ? "Your facilitator has paused the room." : "", now.message].filter(Boolean).join(" ");
        strip.hidden = !said;
        if (strip.textContent !== said) strip.textContent = said;
        if (before !== null && before !== now.status) location.reload();
        before = now.status;
      } catch { /* the server is away: ask again */ }
      setTimeout(ask, EVERY);
    };
    ask();
  }

  /* ---- printing ---- */
  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => print());
  }

  /* ---- asking back ---- */
  addEventListener("submit", (event) => {
    const ask = event.target.dataset.ask;
    if (ask && !confirm(ask)) event.preventDefault();
  });
})();
