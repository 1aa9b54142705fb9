// The price editor: shows the fields that the chosen charge model reads, and asks the server what the typed price comes
// to. Nothing is calculated here.
window.addEventListener("load", () => {
  const panel = document.querySelector(".af-preview");
  if (!panel) return;
  const form = panel.closest("form");
  const models = JSON.parse(document.getElementById("af-price-fields").textContent);
  const model = form.querySelector("select[name=model]");
  const figures = panel.querySelector("[data-figures]");
  const all = (key) => [...new Set(Object.values(models).flatMap((entry) => entry[key]))];

  const show = (selector, visible) =>
    document.querySelectorAll(selector).forEach((element) => element.classList.toggle("af-hidden", !visible));

  const showFields = () => {
    const chosen = models[panel.dataset.price ? panel.dataset.model : model.value] || { fields: [], tier_fields: [] };
    if (model) {
      all("fields").forEach((name) => show(`fieldset .field-line.field-${name}`, chosen.fields.includes(name)));
      all("tier_fields").forEach((name) => {
        show(`#tiers-group .field-${name}, #tiers-group .column-${name}`, chosen.tier_fields.includes(name));
      });
      show("#tiers-group", chosen.fields.includes("tiers"));
      // A heading without a field below it says nothing.
      form.querySelectorAll("fieldset.module:not(#tiers-group fieldset)").forEach((set) => {
        const lines = [...set.querySelectorAll(".field-line")];
        set.classList.toggle("af-hidden", lines.length > 0 && lines.every((line) => line.classList.contains("af-hidden")));
      });
    }
    panel.querySelectorAll("[data-usage-only]").forEach((part) => (part.hidden = !chosen.is_usage));
    panel.querySelectorAll("[data-events-only]").forEach((part) => (part.hidden = !chosen.reads_events));
  };

  const showErrors = (errors) => {
    form.querySelectorAll(".af-live-error").forEach((element) => element.remove());
    Object.entries(errors).forEach(([name, message]) => {
      const input = form.querySelector(`[name="${CSS.escape(name)}"]`);
      if (!input || !input.offsetParent || !input.dataset.touched) return;
      const text = document.createElement("p");
      text.className = "af-error af-small af-live-error";
      text.textContent = message;
      (input.closest("td > div > div, .field-line > div, .af-field") || input.parentElement).append(text);
    });
  };

  const showStarts = (starts) => {
    form.querySelectorAll("#tiers-group .af-starts").forEach((cell) => {
      const input = cell.closest("tr").querySelector("input[name$=-up_to]");
      const row = input && input.name.split("-")[1];
      if (row in starts) cell.textContent = starts[row];
    });
  };

  let waiting, asked;
  const ask = async () => {
    asked?.abort();
    const current = (asked = new AbortController());
    const data = new FormData(form);
    data.append("price", panel.dataset.price);
    data.append("object", panel.dataset.object);
    try {
      const answer = await fetch(panel.dataset.url, { method: "POST", body: data, signal: current.signal });
      if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
      const found = await answer.json();
      figures.innerHTML = found.html;
      panel.querySelector("[data-unit]").textContent = found.unit;
      showErrors(found.errors);
      showStarts(found.starts);
    } catch (error) {
      if (error.name === "AbortError") return;
      figures.innerHTML = '<p class="af-notice af-stop">The preview could not be computed; reload the page.</p>';
    }
  };
  const askSoon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(ask, 250);
  };

  const changed = (event) => {
    event.target.dataset.touched = "yes";
    if (event.target === model) showFields();
    askSoon();
  };
  form.addEventListener("input", changed);
  form.addEventListener("change", changed);
  // Rows that are added or taken out.
  const tiers = document.getElementById("tiers-group");
  if (tiers) {
    new MutationObserver(() => (showFields(), askSoon())).observe(tiers.querySelector("table"), { childList: true });
  }
  // Enter in the preview's own fields asks again and must not save the price.
  panel.addEventListener("keydown", (event) => {
    if (event.key === "Enter") (event.preventDefault(), ask());
  });
  showFields();
  ask();
});
