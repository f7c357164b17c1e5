"""``configure``: print what an application is to be told, or write it."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from requesty_cli.models import fetch
from requesty_cli.output import note, print_json
from requesty_cli.problems import StepFailedError, UsageProblemError
from requesty_core import RequestyClient
from requesty_core.catalog.catalog import Catalog, bundled

from . import files
from .applications import APPLICATIONS, Application, dedicated_id
from .formats import FORMATS, FormatError, change
from .plan import Place, Plan, Target
from .settings import ShapeError, put, replaced

__all__ = ["Change", "fragment", "here", "prepare", "show_configure"]


@dataclass(frozen=True, slots=True)
class Change:
    """What a plan makes of a file's text. ``text`` is the new one, ``replaced`` what had another value before."""

    plan: Plan
    text: str
    is_changed: bool
    replaced: tuple[str, ...]


def here() -> Place:
    """The place this process runs in."""
    return Place(home=str(Path.home()), folder=str(Path.cwd()), platform=sys.platform, environ=os.environ)


def fragment(plan: Plan) -> str:
    """The settings alone, as the text of a file that holds nothing else."""
    assert plan.format is not None
    return change(FORMATS[plan.format], "", put(None, plan.settings))


def prepare(app: Application, target: Target, place: Place, text: str | None) -> Change:
    """What is to become of a file's text. Raises :class:`FormatError` or :class:`ShapeError`; pure."""
    form = FORMATS[app.plan(target, place, None).format or ""]
    try:
        held = None if text is None else form.load(text)
    except ValueError as error:
        raise FormatError(f"is no valid {form.name} ({error})") from None
    plan = app.plan(target, place, held)
    wanted = put(held, plan.settings)
    if text is not None and wanted == held:
        return Change(plan, text, False, ())
    return Change(plan, change(form, text or "", wanted), True, tuple(replaced(held, plan.settings)))


def show_configure(
    name: str,
    *,
    base_url: str,
    model: str | None,
    key_env: str,
    file: Path | None,
    write: bool,
    check: RequestyClient | None,
    as_json: bool,
) -> None:
    """Print the settings of an application, or write them. With ``check`` the gateway is asked for the model first.

    Raises ``UsageProblemError`` where nothing was done, ``StepFailedError`` and ``RequestyError`` where something
    failed.
    """
    app = APPLICATIONS[name]
    # The wrong text may be the key itself: it is not repeated.
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key_env):
        raise UsageProblemError("--key-env: not the name of an environment variable; give its name, never the key")
    if model is not None and not model.strip():
        raise UsageProblemError("--model: empty; give a model id")
    if app.by_hand is not None and (write or file is not None):
        raise UsageProblemError(
            f"{name}: {app.by_hand}; run 'requesty-adapters configure {name}' and enter what it prints"
        )
    catalog = bundled() if check is None else fetch(check)
    target = Target(base_url, model or app.model, key_env, chosen=model is not None)
    target = replace(target, info=catalog.lookup(target.model))
    if check is not None:
        _check(app, target, catalog)
    place = here()
    plan = app.plan(target, place, None)
    path = None if plan.path is None else Path(file or plan.path)
    hint = _dedicated_hint(app, target, catalog)
    if not write:
        _print(app, plan, path, hint, as_json)
        return
    assert path is not None
    try:
        done = prepare(app, target, place, files.read(path))
    except (FormatError, ShapeError) as error:
        raise UsageProblemError(f"{path}: {error}; left as it was") from None
    backup = files.replace(path, done.text) if done.is_changed else None
    _report(app, done, path, backup, hint, as_json)


def _check(app: Application, target: Target, catalog: Catalog) -> None:
    """Raise ``StepFailedError`` unless the gateway lists the model."""
    # This prefix chooses a route for an OpenAI model; the list has the model only.
    listed = target.model.replace("openai-responses/", "openai/", 1)
    if catalog.lookup(listed) is not None:
        return
    found = [m.id for m in catalog.filter(application=app.prefix)] if app.prefix else []
    which = f"; dedicated ids it lists: {', '.join(found[:8])}" if found else ""
    raise StepFailedError(f"{target.model} is not listed by {target.base_url}{which}; choose another with --model")


def _dedicated_hint(app: Application, target: Target, catalog: Catalog) -> str | None:
    if app.prefix is None:
        return None
    other = dedicated_id(target.model, app.prefix, catalog)
    if other is not None:
        return f"The gateway has an id made for {app.title}: --model {other}"
    if target.model.startswith(f"{app.prefix}/"):
        return f"Ids made for {app.title} change; requesty-adapters models --app {app.prefix} lists them."
    return None


def _print(app: Application, plan: Plan, path: Path | None, hint: str | None, as_json: bool) -> None:
    text = None if plan.format is None else fragment(plan)
    steps = [*plan.steps, *([hint] if hint else [])]
    if as_json:
        print_json(
            {
                "application": app.name,
                "file": None if path is None else str(path),
                "format": plan.format,
                "settings": _data(plan),
                "text": text,
                "steps": steps,
            }
        )
        return
    if path is not None:
        note(f"{app.title}: {_short(path)} (nothing is written without --write)")
    if text is not None:
        print(text, end="" if text.endswith("\n") else "\n", flush=True)
    width = max((len(name) for name, _ in plan.fields), default=0)
    for name, value in plan.fields:
        print(f"{name:<{width}}  {value}", flush=True)
    for step in steps:
        note(f"- {step}")


def _report(app: Application, done: Change, path: Path, backup: Path | None, hint: str | None, as_json: bool) -> None:
    steps = [*done.plan.steps, *([hint] if hint else [])]
    if as_json:
        print_json(
            {
                "application": app.name,
                "file": str(path),
                "changed": done.is_changed,
                "backup": None if backup is None else str(backup),
                "replaced": done.replaced,
                "warnings": done.plan.warnings,
                "steps": steps,
            }
        )
        return
    if not done.is_changed:
        print(f"{_short(path)} already says this; nothing was written.")
    else:
        print(f"{_short(path)} written.")
        if backup is not None:
            print(f"What was there before is in {_short(backup)}.")
        if done.replaced:
            print(f"Had another value before: {', '.join(done.replaced)}.")
    sys.stdout.flush()
    for warning in done.plan.warnings:
        note(f"! {warning}")
    for step in steps if done.is_changed else ():
        note(f"- {step}")


def _data(plan: Plan) -> Any:
    return dict(plan.fields) if plan.format is None else put(None, plan.settings)


def _short(path: Path) -> str:
    """The path as people would write it."""
    if path.parent == Path.cwd():
        return path.name
    home = str(Path.home())
    text = str(path)
    return f"~{text[len(home) :]}" if text.startswith(home + os.sep) else text
