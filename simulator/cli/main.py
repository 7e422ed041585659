"""Puts the commands together, and turns whatever leaves one of them into a sentence and an exit code.

0 done · 1 an unexpected error, or some of many rows or files were wrong · 2 a SimulatorError or a wrong option ·
130 interrupted.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from simulator.cli import backup, bench, calibration, catalogue, chat, export, facilitator, grade, play, serve, setup
from simulator.cli.logs import log_unexpected, quiet_libraries
from simulator.errors import SimulatorError, shorten

FAILED, REFUSED, INTERRUPTED = 1, 2, 130

app = typer.Typer(
    name="simulator",
    help="Rehearse a call with a difficult customer, against a language model on this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("serve")(serve.serve)
app.command("setup")(setup.setup)
app.command("chat")(chat.chat)
app.command("play")(play.play)
app.command("grade")(grade.grade)
app.add_typer(catalogue.personas_app, name="personas")
app.add_typer(catalogue.scenarios_app, name="scenarios")
app.command("bench", context_settings=bench.CONTEXT)(bench.bench)
app.command("export")(export.export)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.add_typer(calibration.calibration_app, name="calibration")
app.add_typer(facilitator.facilitator_app, name="facilitator")


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Show the version and stop."),
) -> None:
    if version:
        from simulator import __version__

        typer.echo(f"difficult-customer-simulator {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit


def main() -> None:
    """Run the command of this process, and leave."""
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        _deaf_stdout()
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; its exit code. Never raises."""
    quiet_libraries()
    for stream in (sys.stdout, sys.stderr, sys.stdin):
        if hasattr(stream, "reconfigure"):  # a terminal that cannot show a character gets a "?", not an error
            stream.reconfigure(errors="replace")
    try:
        code = typer.main.get_command(app).main(args=list(arguments), prog_name="simulator", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except SimulatorError as error:
        return _refused(str(error))
    except TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())
            return 0
        return _refused(error.format_message())
    except BrokenPipeError:
        _deaf_stdout()
        return 0
    except SystemExit as error:  # Typer and Rich leave like this on a broken pipe
        _deaf_stdout()
        return error.code if isinstance(error.code, int) else 0
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except Exception as error:
        where = log_unexpected(error)
        told = f"something went wrong that should not have ({type(error).__name__}: {shorten(str(error), 160)})"
        print(f"error: {told}; {where}", file=sys.stderr)
        return FAILED


def _refused(message: str) -> int:
    print(f"error: {shorten(message, 600)}", file=sys.stderr)
    return REFUSED


def _deaf_stdout() -> None:
    """Nobody reads on: what is still buffered must not fail once more when Python leaves."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
