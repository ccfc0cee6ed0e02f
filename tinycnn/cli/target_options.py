"""Options of the commands that take a target: which one, how much memory, how rows are passed."""

from dataclasses import replace

import click

from tinycnn.cli.common import Bytes
from tinycnn.target import Target, load_target

target_option = click.option(
    "--target",
    "target_name",
    required=True,
    metavar="T",
    help="A target's name (see `tinycnn targets`) or a .toml file.",
)
ram_option = click.option(
    "--ram",
    type=Bytes(),
    metavar="BYTES",
    help="Fit the arena into this much instead of the target's RAM; K and M may follow.",
)
memory_option = click.option(
    "--ram",
    type=Bytes(),
    metavar="BYTES",
    help="Judge by this much RAM, arena and stack, instead of the target's; K and M may follow.",
)
push_option = click.option(
    "--push",
    is_flag=True,
    help="The input is pushed row by row, as a camera or microphone delivers it, and never stored as a whole.",
)
pull_option = click.option(
    "--pull",
    is_flag=True,
    help="The output is pulled row by row, as it becomes ready (segmentation), and never stored as a whole.",
)
flash_option = click.option(
    "--flash", type=Bytes(), metavar="BYTES", help="Judge by this much flash instead of the target's."
)


def target_with(name: str, ram: int | None, flash: int | None = None) -> Target:
    target = load_target(name)
    if flash is not None and target.flash_bytes is None:
        raise click.BadParameter(f"{name} has one memory for all; use --ram.", param_hint="--flash")
    return replace(
        target,
        ram_bytes=target.ram_bytes if ram is None else ram,
        flash_bytes=target.flash_bytes if flash is None else flash,
    )
