// Shows a JSON document in a text area as fields and tables, and writes what is typed back into it. What a price comes to
// is asked of the server; nothing is calculated here.
(() => {
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    Object.entries(attributes).forEach(([name, value]) => {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false && value != null) element.setAttribute(name, value);
    });
    element.append(...children.filter((child) => child != null));
    return element;
  };
  const button = (text, run) => make("button", { type: "button", class: "af-button", onclick: run }, text);
  const words = (text) => text.split(",").map((word) => word.trim()).filter(Boolean);
  const isEmpty = (value) =>
    value == null || value === "" || (typeof value === "object" && Object.keys(value).length === 0);

  // A labelled input; `path` is where in the document it stands, for messages.
  const labelled = (field, input, path) => {
    input.setAttribute("aria-label", field.label);
    return make("div", { class: "af-field", "data-path": path, title: field.help || false },
      make("label", {}, field.label), input, field.help ? make("p", { class: "af-quiet af-small" }, field.help) : null);
  };
  const textInput = (value, write, label, path) =>
    make("input", {
      type: "text", autocomplete: "off", value: value ?? "", "aria-label": label, "data-path": path || false,
      oninput: (event) => write(event.target.value.trim()),
    });
  const choiceInput = (choices, value, write) =>
    make("select", { onchange: (event) => write(event.target.value) },
      ...choices.map(([code, label]) => make("option", { value: code, selected: code === value }, label)));

  // Rows of a table, one input for each column; `rows` is a list of objects that is changed in place.
  const tableOf = (rows, columns, path, changed) => {
    const body = make("tbody");
    const show = () => {
      body.replaceChildren(...rows.map((row, n) => make("tr", {},
        ...columns.map((column) => make("td", {}, textInput(row[column.name], (typed) => {
          row[column.name] = typed === "" ? null : typed;
          changed();
        }, `${column.label}, row ${n + 1}`, `${path}[${n}].${column.name}`))),
        make("td", {}, button("Remove", () => { rows.splice(n, 1); show(); changed(); })))));
    };
    show();
    return make("div", { class: "af-field af-wide", "data-path": path },
      make("div", { class: "af-scroll" }, make("table", { class: "af-table af-tight" },
        make("thead", {}, make("tr", {}, ...columns.map((column) => make("th", { title: column.help || false }, column.label)), make("th"))),
        body)),
      button("Add tier", () => { rows.push({}); show(); changed(); }));
  };

  // Dimensions with their values; the object is made anew from the rows at each change.
  const filterOf = (filter, field, dimensions, write) => {
    const rows = Object.entries(filter || {}).map(([name, values]) => ({ name, values: values.join(", ") }));
    const list = `dimensions-${Math.random().toString(36).slice(2)}`;
    const body = make("div");
    const changed = () => {
      const found = {};
      rows.filter((row) => row.name && words(row.values || "").length)
        .forEach((row) => (found[row.name] = [...(found[row.name] || []), ...words(row.values)]));
      write(found);
    };
    const show = () => body.replaceChildren(...rows.map((row, n) => {
      const name = textInput(row.name, (typed) => { row.name = typed; changed(); }, `Dimension ${n + 1}`);
      name.setAttribute("list", list);
      name.placeholder = "model";
      const values = textInput(row.values, (typed) => { row.values = typed; changed(); }, `Values ${n + 1}`);
      values.placeholder = "gpt-4o, gpt-4o-mini";
      return make("div", { class: "af-pair" }, name, make("span", {}, "="), values,
        button("Remove", () => { rows.splice(n, 1); show(); changed(); }));
    }));
    show();
    return make("div", { class: "af-field af-wide", "data-path": "filter" }, make("label", {}, field.label), body,
      make("datalist", { id: list }, ...dimensions.map((name) => make("option", { value: name }))),
      field.help ? make("p", { class: "af-quiet af-small" }, field.help) : null,
      button("Add dimension", () => { rows.push({}); show(); }));
  };

  const tierColumns = (schema, model) =>
    schema.tier_fields.filter((field) => field.name === "up_to" || model.tier_fields.includes(field.name));

  // A price document. `state` has what was typed for any charge model; only what the chosen one reads is written.
  const priceEditor = (document_, schema, write, currency) => {
    const state = { model: "per_unit", currency, ...document_ };
    // Where the form has a currency of its own, the price's is the same.
    const shared = document.querySelector("form [name=currency]");
    state.tiers = (state.tiers || []).map((tier) => ({ ...tier }));
    const box = make("div", { class: "af-editor" });
    const modelOf = () => schema.models.find((model) => model.name === state.model) || schema.models[0];
    const read = () => {
      const model = modelOf();
      const found = { model: model.name, currency: state.currency };
      schema.fields.filter((field) => model.fields.includes(field.name)).forEach((field) => {
        const value = state[field.name];
        if (field.name === "tiers") {
          const columns = tierColumns(schema, model).map((column) => column.name);
          found.tiers = state.tiers.map((tier) => Object.fromEntries(
            columns.filter((name) => name === "up_to" || !isEmpty(tier[name])).map((name) => [name, tier[name] ?? null])));
        } else if (!isEmpty(value) && value !== field.default) found[field.name] = value;
      });
      return found;
    };
    const changed = () => { write(read()); askSoon(); };
    const set = (name) => (value) => { state[name] = value; changed(); };

    const inputOf = (field) => {
      const value = state[field.name];
      if (field.type === "tiers") {
        return tableOf(state.tiers, tierColumns(schema, modelOf()), "tiers", changed);
      }
      if (field.type === "filter") {
        const meter = schema.meters.find((one) => one.code === state.meter);
        return filterOf(value, field, meter ? meter.dimensions : [], set("filter"));
      }
      if (field.type === "flag") {
        const input = make("input", {
          type: "checkbox", checked: value ?? field.default, onchange: (event) => set(field.name)(event.target.checked),
        });
        return make("div", { class: "af-field", "data-path": field.name }, make("label", {}, input, " ", field.label),
          field.help ? make("p", { class: "af-quiet af-small" }, field.help) : null);
      }
      if (field.type === "meter") {
        const meters = schema.meters.map((meter) => [meter.code, meter.name]);
        return labelled(field, choiceInput([["", "–"], ...meters], value, (code) => { state.meter = code; show(); changed(); }), field.name);
      }
      if (field.type === "choice") {
        return labelled(field, choiceInput(field.choices, value ?? field.default, set(field.name)), field.name);
      }
      if (field.type === "words") {
        return labelled(field, textInput((value || []).join(", "), (typed) => set(field.name)(words(typed)), field.label), field.name);
      }
      return labelled(field, textInput(value, set(field.name), field.label), field.name);
    };

    const fields = make("div", { class: "af-editor-fields" });
    const show = () => {
      const model = modelOf();
      fields.replaceChildren(
        labelled({ label: "Charge model" }, choiceInput(schema.models.map((one) => [one.name, one.label]), model.name,
          (name) => { state.model = name; show(); changed(); }), "model"),
        ...(shared ? [] : [labelled({ label: "Currency" },
          textInput(state.currency, (typed) => set("currency")(typed.toUpperCase()), "Currency"), "currency")]),
        ...schema.fields.filter((field) => model.fields.includes(field.name)).map(inputOf));
    };

    const figures = make("div", { "aria-live": "polite" });
    const unit = make("span", { class: "af-quiet" });
    const quantity = make("input", { type: "text", autocomplete: "off", "aria-label": "Quantity", oninput: () => askSoon() });
    let waiting, asked;
    const ask = async () => {
      asked?.abort();
      const current = (asked = new AbortController());
      const data = new FormData();
      data.append("csrfmiddlewaretoken", document.querySelector("[name=csrfmiddlewaretoken]").value);
      data.append("document", JSON.stringify(read()));
      data.append("preview_quantity", quantity.value);
      try {
        const answer = await fetch(schema.preview, { method: "POST", body: data, signal: current.signal });
        preview.hidden = !answer.ok;
        if (!answer.ok) return;
        const found = await answer.json();
        figures.innerHTML = found.html;
        unit.textContent = found.unit;
        showErrors(found.errors);
      } catch (error) {
        if (error.name !== "AbortError") preview.hidden = true;
      }
    };
    const askSoon = () => { clearTimeout(waiting); waiting = setTimeout(ask, 300); };
    const showErrors = (errors) => {
      box.querySelectorAll(".af-live-error").forEach((element) => element.remove());
      Object.entries(errors).forEach(([path, message]) => {
        const place = fields.querySelector(`[data-path="${CSS.escape(path)}"]`)
          || fields.querySelector(`[data-path="${CSS.escape(path.split(/[.[]/)[0])}"]`);
        if (place && box.dataset.touched) {
          (place.tagName === "INPUT" ? place.parentElement : place).append(make("p", { class: "af-error af-small af-live-error" }, message));
        }
      });
    };
    const preview = make("div", { class: "af-editor-preview" },
      make("div", { class: "af-field" }, make("label", {}, "Preview of a quantity ", unit), quantity), figures);
    shared?.addEventListener("input", () => shared.value && set("currency")(shared.value.toUpperCase()));
    box.addEventListener("input", () => (box.dataset.touched = "yes"));
    box.append(fields, preview);
    show();
    ask();
    return { box, read };
  };

  const tiersEditor = (rows, schema, write) => {
    const state = rows.map((row) => ({ ...row }));
    const read = () => state.map((row) => Object.fromEntries(schema.columns.map(({ name }) => [name, row[name] ?? null])));
    return { box: tableOf(state, schema.columns, "tiers", () => write(read())), read };
  };

  const discountEditor = (document_, schema, write, currency) => {
    const state = { kind: "percent", ...document_ };
    const box = make("div", { class: "af-editor" });
    const known = ["kind", "priority", "name", "prices", "meters", "filter"];
    const read = () => {
      const { field } = schema.kinds.find((kind) => kind.name === state.kind);
      return Object.fromEntries([...known, field].filter((name) => !isEmpty(state[name])).map((name) => [name, state[name]]));
    };
    const changed = () => write(read());
    const set = (name) => (value) => { state[name] = value; changed(); };
    const valueOf = (name) => {
      if (name === "tiers") {
        const tiers = tiersEditor(state.tiers || [], schema, set("tiers"));
        return tiers.box;
      }
      if (name === "price") return priceEditor(state.price, schema.price, set("price"), currency).box;
      const field = schema.fields.find((one) => one.name === name);
      return labelled({ ...field, help: "" }, textInput(state[name], set(name), field.label), name);
    };
    const show = () => {
      const chosen = schema.kinds.find((kind) => kind.name === state.kind) || schema.kinds[0];
      const list = (name, label, help) =>
        labelled({ label, help }, textInput((state[name] || []).join(", "), (typed) => set(name)(words(typed)), label), name);
      box.replaceChildren(make("div", { class: "af-editor-fields" },
        labelled({ label: "Kind" }, choiceInput(schema.kinds.map((kind) => [kind.name, kind.label]), chosen.name,
          (name) => { state.kind = name; show(); changed(); }), "kind"),
        valueOf(chosen.field),
        list("prices", "Prices", "Keys of the prices that it is for; empty for all."),
        list("meters", "Meters", "Codes of the meters that it is for; empty for all."),
        filterOf(state.filter, { label: "Only for", help: "" }, [...new Set(schema.price.meters.flatMap((meter) => meter.dimensions))], set("filter"))));
    };
    show();
    return { box, read };
  };

  // Values with commas or blanks at their ends can't be told apart in a list, and stay JSON.
  const isShowable = (kind, value) => {
    if (kind === "tiers") return Array.isArray(value);
    if (value === null || typeof value !== "object" || Array.isArray(value)) return false;
    const isPlain = (word) => typeof word === "string" && word === word.trim() && word !== "" && !word.includes(",");
    const filter = value.filter ?? {};
    return typeof filter === "object" && Object.values(filter).every((values) => Array.isArray(values) && values.every(isPlain))
      && ["group_by", "prices", "meters"].every((name) => (value[name] ?? []).every?.(isPlain));
  };

  const edit = (area) => {
    const kind = area.dataset.editor;
    const schema = JSON.parse(area.dataset.schema);
    const currency = document.querySelector("form [name=currency]")?.value || "USD";
    const empty = kind === "tiers" ? [] : {};
    let value = empty;
    try {
      value = area.value.trim() ? JSON.parse(area.value) : empty;
    } catch {
      return; // what is no JSON is put right as text
    }
    if (value === null) value = empty;
    if (!isShowable(kind, value)) return;
    const holder = make("div");
    const write = (document_) => {
      area.value = JSON.stringify(document_, null, 2);
      area.dispatchEvent(new Event("change", { bubbles: true }));
    };
    const build = (document_) => {
      const editor = { price: priceEditor, tiers: tiersEditor, discount: discountEditor }[kind](document_, schema, write, currency);
      holder.replaceChildren(editor.box);
      return editor;
    };
    // What may be left out is asked for only when somebody wants it; a discount's kind has decided that already.
    const mayBeLeftOut = !area.required && !document.querySelector("select[data-kind-fields]");
    const offer = () => holder.replaceChildren(button("Add", () => begin()));
    const begin = () => {
      write(build(value).read());
      if (mayBeLeftOut) {
        holder.append(button("Leave out", () => {
          area.value = "";
          value = empty;
          offer();
        }));
      }
    };
    if (area.value.trim() && area.value.trim() !== "[]") build(value);
    else if (mayBeLeftOut) offer();
    else if (kind === "tiers") build(value);
    else begin();
    const toggle = button("As JSON", () => {
      const isText = area.classList.toggle("af-hidden");
      if (isText) {
        try {
          const typed = JSON.parse(area.value || "null") ?? empty;
          if (!isShowable(kind, typed)) throw new Error();
          build(typed);
        } catch {
          area.classList.remove("af-hidden");
          return;
        }
      }
      holder.classList.toggle("af-hidden", !isText);
      toggle.textContent = isText ? "As JSON" : "As fields";
    });
    toggle.classList.add("af-plain");
    area.classList.add("af-hidden");
    area.before(holder);
    area.after(toggle);
  };

  // Only the fields of the chosen kind are shown, and sent.
  const followKind = (select) => {
    const fields = JSON.parse(select.dataset.kindFields);
    const show = () => Object.entries(fields).forEach(([name, kinds]) => {
      document.querySelectorAll(`.field-line.field-${name}`).forEach((line) => {
        const isShown = kinds.includes(select.value);
        line.classList.toggle("af-hidden", !isShown);
        line.querySelectorAll(`[name="${name}"]`).forEach((input) => (input.disabled = !isShown));
      });
    });
    select.addEventListener("change", show);
    show();
  };

  window.addEventListener("load", () => {
    document.querySelectorAll("textarea[data-editor]").forEach(edit);
    document.querySelectorAll("select[data-kind-fields]").forEach(followKind);
  });
})();
