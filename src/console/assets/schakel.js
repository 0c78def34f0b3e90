"use strict";
// Everything works without this. It lets a page look again when something changed, unless it was
// paused or somebody is filling something in.
(() => {
  const choice = document.querySelector("#taalkeuze input[name=naar]");
  if (choice) choice.value = location.pathname + location.search;
  const bar = document.querySelector(".live");
  if (!bar || !("EventSource" in window)) return;
  const state = bar.querySelector(".live-state");
  const button = bar.querySelector(".live-pause");
  let source = null;
  let again = null;
  const busy = () => {
    const at = document.activeElement;
    if (document.querySelector("main td input:checked")) return true;
    return document.hidden || (at && at.closest("form, details, .table-wrap"));
  };
  const look = async () => {
    again = null;
    if (!source) return;
    if (busy()) { again = setTimeout(look, 2000); return; }
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (!answer.ok || answer.redirected) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("main");
      const old = document.querySelector("main");
      if (!fresh || !old || busy()) return;
      const keep = old.querySelector(".live");
      const place = fresh.querySelector(".live");
      if (keep && place) place.replaceWith(keep);
      old.replaceChildren(...fresh.childNodes);
    } catch { /* the hub is away: the source tries again by itself */ }
  };
  const start = () => {
    source = new EventSource("/levend");
    source.addEventListener("veranderd", () => { if (!again) again = setTimeout(look, 250); });
    state.textContent = state.dataset.on;
    button.textContent = button.dataset.on;
  };
  const stop = () => {
    source.close();
    source = null;
    state.textContent = state.dataset.off;
    button.textContent = button.dataset.off;
  };
  button.addEventListener("click", () => (source ? stop() : start()));
  addEventListener("pagehide", () => source && source.close());
  bar.hidden = false;
  start();
})();
