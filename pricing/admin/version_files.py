"""Plan versions as files in the back office: download one, or put one in the place of a draft."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from amberflow.admin_base import Item, Panel, change_url, confirm, render_page
from amberflow.lib.errors import DomainError
from pricing.admin.version_diff import diff_panel, diff_words
from pricing.exchange.text import Format
from pricing.models import PlanVersion
from pricing.services.plan_files import ImportPreview, export_version, preview_import, read_plan_file, replace_draft

LARGEST_FILE = 1_000_000
_CONTENT_TYPES = {"json": "application/json", "yaml": "application/yaml"}


class FileForm(forms.Form):
    """A file, or its text pasted."""

    file = forms.FileField(required=False, help_text="YAML or JSON, as an export writes it.")
    text = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 10, "spellcheck": "false"}), help_text="Or paste the file."
    )

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        uploaded = values.get("file")
        if uploaded is not None and uploaded.size > LARGEST_FILE:
            raise forms.ValidationError("The file is larger than 1 MB: a plan version is a few pages of text.")
        try:
            values["text"] = uploaded.read().decode("utf-8-sig") if uploaded is not None else values.get("text", "")
        except UnicodeDecodeError:
            raise forms.ValidationError("The file is no text in UTF-8: choose the YAML or JSON file.") from None
        if not values["text"].strip():
            raise forms.ValidationError("Choose a file, or paste its text.")
        try:
            values["plan_file"] = read_plan_file(values["text"])
        except DomainError as error:
            raise forms.ValidationError(error.message) from None
        return values


class ConfirmedForm(forms.Form):
    """The text that was looked at, so that just this is imported."""

    text = forms.CharField(widget=forms.HiddenInput, strip=False)


def export_file(request: HttpRequest, version: PlanVersion, form: Format) -> HttpResponse:
    """The version's file as a download."""
    try:
        text = export_version(version=version, form=form)
    except DomainError as error:
        messages.error(request, error.message)
        return redirect(change_url(version))
    name = f"{version.plan.code}-v{version.number}.{form}"
    return HttpResponse(
        text,
        content_type=f"{_CONTENT_TYPES[form]}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def import_page(request: HttpRequest, version: PlanVersion) -> HttpResponse:
    """Ask for a file, show what it would change, and once a person agrees replace the draft."""
    if request.POST.get("confirmed") == "yes":
        return _confirm(request, version, None)
    form = FileForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        return _confirm(request, version, form)
    return render_page(
        request,
        "admin/pricing/planversion/import.html",
        title=f"Import into {version}",
        version=version,
        form=form,
        back=change_url(version),
    )


def _confirm(request: HttpRequest, version: PlanVersion, form: FileForm | None) -> HttpResponse:
    preview = preview_import(file=form.cleaned_data["plan_file"], version=version) if form is not None else None

    def run(values: Any) -> str:
        replaced = replace_draft(version_id=version.pk, file=read_plan_file(values["text"]))
        return f"{replaced} has the file's prices and examples."

    return confirm(
        request,
        title=f"Import into {version}",
        text="Prices and examples that are not in the file are removed from the draft.",
        button="Import",
        items=[Item(str(version), note=diff_words(preview.prices) if preview else "", run=run)],
        back=change_url(version),
        form_class=ConfirmedForm,
        initial={"text": form.cleaned_data["text"]} if form is not None else None,
        details=_details(preview, version) if preview else [],
    )


def _details(preview: ImportPreview, version: PlanVersion) -> list[Panel]:
    examples = [
        (word, names)
        for word, names in (
            ("added", preview.added_examples),
            ("removed", preview.removed_examples),
            ("changed", preview.changed_examples),
        )
        if names
    ]
    diff = diff_panel(preview.prices, before=f"v{version.number} now", after="the file")
    return [diff, Panel("admin/pricing/planversion/example_changes.html", {"changes": examples})]
