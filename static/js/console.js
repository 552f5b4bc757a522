// Gatepost console. Everything here is comfort: each page and form works without it.
// One file because each request costs more than its lines; the parts stand in order below.
(() => {
  "use strict";
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const root = document.documentElement;
  root.classList.add("js");

  // --- No code from text: htmx may not build functions, whatever an attribute says.
  htmx.registerExtension("gatepost", {
    init(api) {
      function refused() { throw new Error("evaluating text is off"); }
      api.initSecurity(null, refused, refused);
    },
  });

  // --- Announcer: one polite and one assertive region, cleared so that equal sentences are read twice.
  function say(text, isUrgent = false) {
    const region = $(isUrgent ? "#say-now" : "#say");
    if (!region || !text) return;
    region.textContent = "";
    setTimeout(() => { region.textContent = text; }, 60);
  }

  // --- Times in words, by the server's clock.
  const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const relative = new Intl.RelativeTimeFormat(root.lang || "en", { numeric: "always" });
  let clockAhead = 0;
  const setClock = (iso) => { if (iso) clockAhead = Date.parse(iso) - Date.now(); };
  const secondsTo = (element) => (Date.parse(element.dateTime) - Date.now() - clockAhead) / 1000;

  function inWords(seconds) {
    const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) || UNITS[3];
    return relative.format(Math.trunc(seconds / size) || 0, unit);
  }

  function show(element, text) { if (element.textContent !== text) element.textContent = text; }

  function tick() {
    for (const time of $$("time[data-ago]")) show(time, inWords(Math.min(secondsTo(time), -1)));
    for (const time of $$("time[data-countdown]")) {
      const left = secondsTo(time);
      if (left > 0) show(time, inWords(Math.max(left, 1)));
      else if (!time.dataset.done) { time.dataset.done = "yes"; atZero(time); }
      warnBeforeEnd(time, left);
    }
  }

  function warnBeforeEnd(time, left) {
    if (time.dataset.refresh !== ".decision") return;
    const mark = left > 0 && left <= 60 ? "1" : left > 60 && left <= 300 ? "5" : "";
    if (mark && time.dataset.said !== mark) { time.dataset.said = mark; say(time.parentElement.textContent.trim()); }
  }

  function atZero(time) {
    show(time, time.dataset.over);
    time.closest("[data-tombstone]")?.querySelector("form")?.remove();
    if (time.dataset.refresh) setTimeout(() => refetch(time.dataset.refresh), 800);
  }

  // With the form of the mail that stands here: a bar for another one offers no decision.
  function here() {
    const revision = $("#mail")?.dataset.revision;
    const query = new URLSearchParams(location.search);
    if (revision) query.set("seen", revision);
    return location.pathname + (query.size ? `?${query}` : "");
  }

  function refetch(selector, url = here()) {
    if (!$(selector)) return Promise.resolve();
    return htmx.ajax("GET", url, { source: "#main", target: selector, select: selector, swap: "outerHTML" });
  }

  // --- Focus: what had it may vanish in a swap; the next row, the outcome or the heading gets it.
  let heirs = null;
  let typed = {};
  const rowLink = (row) => $("[data-key='o'], a, button", row);

  document.addEventListener("htmx:before:swap", () => {
    for (const field of $$(".decision [data-keep]")) if (field.value) typed[field.name] = field.value;
    const active = document.activeElement;
    if (!active || active === document.body) { heirs = null; return; }
    const row = active.closest("[data-row]");
    heirs = row ? [...following(row), row.previousElementSibling?.id].filter(Boolean) : [];
  });

  function* following(row) {
    for (let next = row.nextElementSibling; next; next = next.nextElementSibling) yield next.id;
  }

  function repairFocus() {
    const conflict = $("[data-conflict]");
    if (conflict && conflict !== announced) { announced = conflict; conflict.focus({ preventScroll: Boolean(conflict.closest(".decision")) }); return; }
    if (!heirs || (document.activeElement && document.activeElement !== document.body)) return;
    const row = heirs.map((id) => document.getElementById(id)).find((found) => found?.matches("[data-row]:not([data-tombstone])"));
    const heir = $("[autofocus]") || $("[aria-invalid='true']") || (row && rowLink(row)) || $("[data-outcome]") || $("h1");
    heirs = null;
    heir?.focus({ preventScroll: Boolean(heir.closest(".decision")) });
  }
  let announced = null;
  document.addEventListener("htmx:after:swap", () => { keepTyped(); repairFocus(); paintKeys(); tick(); forgetFailure(); });

  // What somebody was typing outlives the bar it was typed in.
  function keepTyped() {
    const fields = $$(".decision [data-keep]");
    const kept = $(".decision [data-kept]");
    const texts = Object.values(typed);
    if (!texts.length || $(".decision .note .kept")) return;
    for (const field of fields) if (!field.value && typed[field.name]) field.value = typed[field.name];
    if (!fields.length && kept) { show($("span", kept), texts.join("\n")); kept.hidden = false; }
  }

  // --- Requests that fail: nothing is pretended, the form can be sent again.
  let lastForm = null;
  let failedBy = null;
  function fail(kind, source) {
    const bar = $("#error-bar");
    failedBy = source;
    if (source.matches("form")) {
      lastForm = standing(source);
      if (!lastForm) return;
    }
    if (!bar) return;
    show($(".text", bar), bar.dataset[kind]);
    $("[data-retry]", bar).hidden = !lastForm;
    bar.hidden = false;
    say(bar.dataset[kind], true);
  }
  // A form that failed and that the page no longer offers has its answer there: a live update may come before the error.
  const standing = (form) => form.isConnected ? form
    : $$("form").find((other) => other.getAttribute("action") === form.getAttribute("action"));
  function forgetFailure() {
    if (!lastForm) return;
    lastForm = standing(lastForm);
    if (!lastForm) $("#error-bar")?.setAttribute("hidden", "");
  }
  document.addEventListener("htmx:before:request", (event) => {
    const source = event.detail.ctx.sourceElement;
    source.setAttribute("aria-busy", "true");
    // What the page fetches by itself says nothing of an act that failed before it.
    if (source.id === "main" && failedBy !== source) return;
    lastForm = source.matches("form") ? source : null;
    $("#error-bar")?.setAttribute("hidden", "");
  });
  document.addEventListener("htmx:finally:request", (event) => event.detail.ctx.sourceElement.removeAttribute("aria-busy"));
  document.addEventListener("htmx:response:error", (event) => {
    const { response: { status }, sourceElement } = event.detail.ctx;
    if (status === 401) signIn();
    else if (status >= 500) fail("offline", sourceElement);
    else if (status === 429) fail("busy", sourceElement);
    else if (status === 403 || status === 404) fail("forbidden", sourceElement);
  });
  document.addEventListener("htmx:error", (event) => { const { ctx } = event.detail; if (ctx) fail("offline", ctx.sourceElement); });

  // --- The session ended: keep what was typed in this tab, sign in, come back.
  const keepName = () => `gatepost.kept:${location.pathname}`;
  function signIn() {
    const kept = Object.fromEntries($$("[data-keep]").filter((field) => field.value).map((field) => [field.name, field.value]));
    sessionStorage.setItem(keepName(), JSON.stringify(kept));
    location.assign(`${document.body.dataset.login}?next=${encodeURIComponent(location.pathname + location.search)}`);
  }
  function restoreKept() {
    const kept = JSON.parse(sessionStorage.getItem(keepName()) || "{}");
    sessionStorage.removeItem(keepName());
    for (const field of $$("[data-keep]")) {
      // A form that begins with the message goes on where it was left, on the version that it was typed on.
      if (!kept[field.name] || (field.value && field.dataset.keep !== "over")) continue;
      field.value = kept[field.name];
      field.closest("details")?.setAttribute("open", "");
    }
  }

  // --- Live: one socket; the event table is the truth, so every gap is closed by asking "since when".
  const live = $("#live");
  const arrivals = new Set();
  let isOpen = false;

  function setLive(state) {
    live.dataset.state = state;
    show($(".word", live), live.dataset[state]);
  }

  function take(message) {
    setClock(message.now);
    if (message.cursor) live.dataset.cursor = message.cursor;
    if (message.pending !== undefined) showPending(message.pending);
    for (const id of message.arrived || []) if (!document.getElementById(`review-${id}`)) arrivals.add(id);
    showArrivals();
    if (message.unseen !== undefined) for (const place of $$(".unseen-count")) show(place, message.unseen ? inFigures(message.unseen) : "");
    if (message.feed) feedMore();
    renew([...(message.tray ? ["undo-tray"] : []), ...(message.refresh || [])]);
    say(message.urgent, true);
  }

  // Parts with forms are never sent by the socket: the page fetches its own, all in one request.
  function renew(ids) {
    const parts = ids.filter((id) => document.getElementById(id)).map((id) => `#${id}:outerHTML`);
    if (parts.length) htmx.ajax("GET", here(), { source: "#main", target: "#main", swap: "none", selectOOB: parts.join(",") });
  }

  const inFigures = (count) => count > 999 ? "999+" : String(count);
  function showPending(count) {
    const text = inFigures(count);
    // The tab of the queue counts further than a page is told.
    for (const place of $$(".pending-count")) if (count <= 999 || !place.closest(".filterbar")) show(place, count || place.closest("h1, .filterbar") ? text : "");
    if ($("#queue")) document.title = (count ? `(${text}) ` : "") + document.title.replace(/^\([^)]*\) /, "");
  }

  function showArrivals() {
    const pill = $("#pill-new");
    if (!pill || !arrivals.size) return;
    // An empty list has no row to push: it fills by itself.
    if ($("#queue [data-empty]")) { arrivals.clear(); refetch("#queue", pill.getAttribute("href")); return; }
    const text = arrivals.size === 1 ? pill.dataset.one : pill.dataset.many.replace("{n}", arrivals.size);
    show($(".text", pill), text);
    pill.hidden = false;
    say(text);
  }

  async function catchUp() {
    try {
      const answer = await fetch(`${live.dataset.since}&cursor=${live.dataset.cursor}`, { headers: { Accept: "application/json" } });
      if (answer.status === 401) return signIn();
      if (!answer.ok) return setLive(isOpen ? "live" : "offline");
      const message = await answer.json();
      if (message.content) await htmx.swap({ sourceElement: live, target: live, swap: "none", text: message.content });
      take(message);
    } catch { setLive("offline"); }
  }

  if (live) {
    document.addEventListener("htmx:ws:after:connection", () => { isOpen = true; setLive("live"); catchUp(); });
    document.addEventListener("htmx:ws:close", (event) => {
      isOpen = false;
      if (event.detail.code === 4401) return signIn();
      if (!document.hidden) setLive("retry");
    });
    document.addEventListener("htmx:ws:after:message:incoming", (event) => event.detail.message.json().then(take, () => {}));
    document.addEventListener("visibilitychange", () => { if (!document.hidden && !isOpen) catchUp(); });
    // The socket's owner reconnects at once when a page comes to the front; a network that is back is as good a reason.
    window.addEventListener("online", () => document.dispatchEvent(new Event("visibilitychange")));
    setInterval(() => { if (!isOpen && !document.hidden) { setLive("offline"); catchUp(); } }, 30000);
  }

  // --- Monitor: new rows wait while somebody reads (pause, hover, focus, scrolled down).
  let feedTimer = 0;
  function feedMore() {
    const feed = $("#feed");
    const isRead = !feed || scrollY > 200 || feed.matches(":hover, :focus-within") || $("[data-pause][aria-pressed='true']");
    if (!feed || feedTimer) return;
    feedTimer = setTimeout(() => { feedTimer = 0; if (isRead) feedMore(); else renew(["feed-box", "feed-numbers"]); }, isRead ? 3000 : 500);
  }

  // --- Keys. Every one has a visible control: it clicks the control that names it in data-key.
  const LEVELS = ["off", "navigation", "all"];
  const keysLevel = () => { const own = localStorage.getItem("gatepost.keys"); return LEVELS.includes(own) ? own : root.dataset.keys; };
  function paintKeys() {
    root.dataset.keys = keysLevel();
    for (const choice of $$("input[name='keys']")) choice.checked = choice.value === root.dataset.keys;
  }
  let prefix = "";

  function isTyping(event) {
    const target = event.target;
    return event.isComposing || event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.defaultPrevented
      || $("dialog[open]") || target.isContentEditable || target.matches?.("input, textarea, select");
  }

  function moveRow(step) {
    const links = $$("[data-row]:not([data-tombstone])").map(rowLink).filter((link) => link?.checkVisibility?.() ?? link);
    const here = links.indexOf(rowLink(document.activeElement.closest("[data-row]") || document.createElement("i")));
    links[Math.min(Math.max(here + step, 0), links.length - 1)]?.focus();
  }

  function controlFor(key) {
    const row = document.activeElement?.closest("[data-row]");
    const named = `[data-key="${CSS.escape(key)}"]`;
    if (row && $(named, row)) return $(named, row);
    return $$(named).find((control) => !control.closest("[hidden]") && !control.closest("li[data-row]"));
  }

  function mayPress(control) {
    const isDecision = control.matches("[data-decision], [data-level='all']");
    if (isDecision && root.dataset.keys !== "all") return false;
    const frame = $("[data-preview]");
    return !(control.matches("[data-needs-preview]") && !(frame?.dataset.loaded || (frame === null && $("#mail .mail-plain, #mail .headers-table, #mail .diff"))));
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches?.("[data-decision]")) { event.preventDefault(); return; }
    if (event.key === "Escape") { $$("details.menu[open], .decision details[open]").forEach(closeDetails); return; }
    if (isTyping(event) || root.dataset.keys === "off" || event.key.length !== 1) return;
    const key = prefix + event.key;
    prefix = event.key === "g" && !prefix ? "g " : "";
    if (prefix) { setTimeout(() => { prefix = ""; }, 1500); return; }
    if (key === "j" || key === "k") { event.preventDefault(); moveRow(key === "j" ? 1 : -1); return; }
    if (key === "?") { event.preventDefault(); $("#keys-sheet")?.showModal(); return; }
    const control = controlFor(key);
    if (!control || !mayPress(control)) return;
    event.preventDefault();
    if (control.matches("input")) control.focus(); else control.click();
  });

  function closeDetails(details) {
    const hadFocus = details.contains(document.activeElement);
    details.open = false;
    if (hadFocus) $("summary", details).focus();
  }

  // --- Ticked rows: how many, and a whole page at once. They outlive a list that is fetched anew.
  const boxes = () => $$("input[form='many']");
  let ticked = new Set();
  function countTicked() {
    const place = $(".bulk-count[data-many]");
    if (!place) return;
    const count = boxes().filter((box) => box.checked).length;
    show(place, count === 1 ? place.dataset.one : place.dataset.many.replace("{n}", count));
  }
  document.addEventListener("htmx:before:swap", () => { ticked = new Set(boxes().filter((box) => box.checked).map((box) => box.value)); });
  document.addEventListener("htmx:after:swap", () => { for (const box of boxes()) box.checked ||= ticked.has(box.value); countTicked(); });
  document.addEventListener("change", (event) => { if (event.target.matches("input[form='many']")) countTicked(); });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-choose-page]")) return;
    event.preventDefault();
    const isAll = boxes().every((box) => box.checked);
    for (const box of boxes()) box.checked = !isAll;
    countTicked();
  });

  // --- Small controls.
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) document.getElementById(opener.dataset.opens)?.showModal();
    for (const menu of $$("details.menu[open]")) if (!menu.contains(event.target) || opener) menu.open = false;
    if (event.target.closest("[data-closes]")) closeDetails(event.target.closest("details"));
    if (event.target.closest("[data-dismiss]")) $("#error-bar").hidden = true;
    if (event.target.closest("[data-retry]")) lastForm?.requestSubmit();
    const pause = event.target.closest("[data-pause]");
    if (pause) {
      const isPaused = pause.getAttribute("aria-pressed") !== "true";
      pause.setAttribute("aria-pressed", String(isPaused));
      show($(".text", pause), isPaused ? pause.dataset.on : pause.dataset.off);
    }
    if (event.target.closest("#pill-new")) arrivals.clear(), $("#pill-new").hidden = true;
  });
  document.addEventListener("change", (event) => {
    if (event.target.name === "keys") { localStorage.setItem("gatepost.keys", event.target.value); paintKeys(); }
  });
  document.addEventListener("toggle", (event) => {
    const opened = event.target;
    if (!opened.open || !opened.closest(".decision")) return;
    for (const other of $$(".decision details[open]")) if (other !== opened) other.open = false;
    // It is told late where much is going on: who is in a field of it already stays there.
    const isInside = document.activeElement.matches("input, textarea") && opened.contains(document.activeElement);
    if (!isInside) $("input[type='radio'], .btn:not(summary)", opened)?.focus();
  }, true);
  document.addEventListener("load", (event) => {
    if (event.target.matches?.("[data-preview]")) event.target.dataset.loaded = "yes";
  }, true);

  document.addEventListener("DOMContentLoaded", () => {
    // htmx looks at the page as soon as it is there itself; on a slow line its socket extension comes later than that.
    htmx.process(document.body);
    // A frame that was quicker than this script has had its load event.
    for (const frame of $$("[data-preview]")) if (performance.getEntriesByName(frame.src).length) frame.dataset.loaded = "yes";
    setClock(document.body.dataset.now);
    document.cookie = `gatepost_zone=${Intl.DateTimeFormat().resolvedOptions().timeZone}; path=/; max-age=31536000; samesite=lax`;
    paintKeys();
    restoreKept();
    countTicked();
    tick();
    setInterval(tick, 1000);
    if (!$("[autofocus]") && !location.hash) $("[data-arrive]")?.focus({ preventScroll: true });
    say($("#say")?.dataset.arrival);
  });
})();
