// Asks for new events every two seconds and puts them on top. Texts were formatted on the server; here they are only placed.
(() => {
  const EVERY_MS = 2000, MOST_ROWS = 200;
  const live = document.getElementById("live");
  const byId = (name) => document.getElementById(`live-${name}`);
  const state = byId("state"), events = byId("events"), problems = byId("problems"), pause = byId("pause");
  const columnsOf = (body) => body.dataset.columns.split(" ");
  const right = new Set(["tokens_in", "tokens_out", "cost"]);
  let after = "", customer = byId("customer").value.trim(), paused = false, asking = 0;

  const cell = (item, name) => {
    const td = document.createElement("td");
    if (right.has(name)) td.className = "af-right af-number";
    const text = item[name] ?? "–";
    if (name === "time" && item.url) {
      const link = document.createElement("a");
      link.href = item.url;
      link.className = "af-link";
      link.textContent = text;
      td.append(link);
    } else {
      td.textContent = text;
    }
    if (name === "status" && text === "duplicate") td.className = "af-warn";
    if (name === "id" || name === "problem") td.className = "af-wrap";
    return td;
  };
  const row = (item, columns) => {
    const tr = document.createElement("tr");
    if (item.id) tr.title = item.id;
    tr.append(...columns.map((name) => cell(item, name)));
    return tr;
  };

  const show = (answer) => {
    const columns = columnsOf(events);
    for (const item of answer.events) events.prepend(row(item, columns));
    while (events.rows.length > MOST_ROWS) events.lastElementChild.remove();
    byId("empty").hidden = events.rows.length > 0;
    problems.replaceChildren(...answer.problems.map((item) => row(item, columnsOf(problems))));
    byId("trouble").hidden = answer.problems.length === 0;
    for (const place of live.querySelectorAll("[data-count]")) place.textContent = answer.counts[place.dataset.count];
    state.textContent = answer.skipped ? `${answer.skipped.toLocaleString("en-US")} more came than can be shown` : "Up to date";
    after = answer.after;
  };

  const ask = async () => {
    if (paused || document.hidden) return;
    const turn = ++asking;
    try {
      const response = await fetch(`${live.dataset.feed}?${new URLSearchParams({ after, customer })}`);
      const answer = await response.json();
      if (turn !== asking || paused) return;
      if (response.ok) show(answer);
      else state.textContent = answer.error;
    } catch {
      state.textContent = "The server did not answer; trying again";
    }
  };

  byId("form").addEventListener("submit", (submitted) => {
    submitted.preventDefault();
    customer = byId("customer").value.trim();
    after = "";
    events.replaceChildren();
    ask();
  });
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Go on" : "Pause";
    pause.setAttribute("aria-pressed", String(paused));
    state.textContent = paused ? "Paused" : "";
    ask();
  });
  ask();
  setInterval(ask, EVERY_MS);
})();
