"""The `muhurat` command as Typer sees it: a group whose verbs are imported only when they run."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import typer
from typer._click import Command, Context, HelpFormatter
from typer.core import TyperGroup, TyperOption
from typer.main import get_command, get_group_from_info
from typer.models import TyperInfo

from muhurat import __version__
from muhurat.cli.registry import VERBS, Verb


class Group(TyperGroup):
    """A group whose absent `--help` is plainly false: Typer would load pydantic to find that out, 70 ms each time."""

    def get_help_option(self, ctx: Context) -> TyperOption | None:
        option = super().get_help_option(ctx)
        if option is not None:
            option.default = False
        return option


class LazyGroup(Group):
    """The root group: lists verbs from the registry and loads the one that is called."""

    def list_commands(self, ctx: Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        verb = VERBS.get(cmd_name)
        return None if verb is None else load(cmd_name, verb)

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        if args[0] not in VERBS and not args[0].startswith("-"):
            close = " or ".join(repr(name) for name in get_close_matches(args[0], VERBS))
            ctx.fail(f"No such command {args[0]!r}." + (f" Did you mean {close}?" if close else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        width = max(map(len, VERBS))
        for group in dict.fromkeys(verb.group for verb in VERBS.values()):
            with formatter.section(group):
                formatter.write_dl([(n.ljust(width), v.help) for n, v in VERBS.items() if v.group == group])


def load(name: str, verb: Verb) -> Command:
    """Import a verb's module and make a command of it; its help is plain text, which is ready twice as fast."""
    module = import_module(verb.module)
    app: typer.Typer | None = getattr(module, "app", None)
    command = _single(name, module.command) if app is None else _group(name, app)
    command.help = command.help or verb.help
    return command


def _single(name: str, function: Callable[..., object]) -> Command:
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name)(function)
    return get_command(app)


def _group(name: str, app: typer.Typer) -> Command:
    """Also of an application with one verb, which Typer alone would take for the verb itself."""
    return get_group_from_info(
        TyperInfo(app, name=name, cls=Group, no_args_is_help=True),
        pretty_exceptions_short=True,
        suggest_commands=True,
        rich_markup_mode=None,
    )


def root() -> Command:
    """The whole command line, with nothing of it loaded yet."""
    app = typer.Typer(
        cls=LazyGroup,
        no_args_is_help=True,
        add_completion=False,  # its options would load pydantic before any verb's help
        rich_markup_mode=None,
        context_settings={"max_content_width": 110},
    )
    app.callback()(_muhurat)
    return get_command(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"muhurat {__version__}")
        raise typer.Exit


def _muhurat(
    version: bool = typer.Option(False, "--version", is_eager=True, callback=_show_version, help="Print the version."),
) -> Any:
    """Run a trading desk's day: one desk file, one command, one page.

    Try `muhurat demo` first: it needs no account and no network. Exit codes: 0 done, 1 failed, 2 wrong use or desk
    file.
    """
