"""The command line: `tinycnn COMMAND`. Exit codes: 0 fine, 1 the answer is no, 2 unusable input or arguments."""

import sys
from collections.abc import Sequence

import click

from tinycnn import __version__
from tinycnn.cli.demo import demo
from tinycnn.cli.deploy import generate, report, targets
from tinycnn.cli.execute import bench, verify
from tinycnn.cli.model import evaluate, inspect, quantize, run
from tinycnn.errors import TinycnnError

COMMANDS = (demo, inspect, quantize, evaluate, report, generate, verify, bench, run, targets)


class _InOrder(click.Group):
    """Lists the commands in the order in which one meets them, not by the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [str(command.name) for command in COMMANDS]


@click.group(cls=_InOrder, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="tinycnn")
def cli() -> None:
    """Take a trained CNN to a microcontroller: int8, fixed point, C, and proof that all of them give the same bytes."""


for _command in COMMANDS:
    cli.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, by default on sys.argv; an error that a user can mend is one sentence on standard error."""
    try:
        cli.main(arguments, prog_name="tinycnn", standalone_mode=False)
    except TinycnnError as error:
        click.echo(f"tinycnn: {error}", err=True)
        sys.exit(error.exit_code)
    except click.exceptions.Exit as exit_request:
        sys.exit(exit_request.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("tinycnn: interrupted.", err=True)
        sys.exit(130)
