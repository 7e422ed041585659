"""`simulator setup`: fetches and prepares the models once, and says where everything is."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from simulator.cli.screen import Steps, columns, say, size


class Embedded(StrEnum):
    """The models that can be set up."""

    AUTO = "auto"
    STANDARD = "standard"
    SMALL = "small"


def setup(
    model: Annotated[
        Embedded, typer.Option(help="auto takes the larger one that this machine can carry.")
    ] = Embedded.AUTO,
) -> None:
    """Fetch and prepare the language models (once; typed again, it only looks)."""
    from simulator.cli.logs import log_to_file
    from simulator.models.choose import choose_model
    from simulator.models.weights import MODELS, models_dir, ready
    from simulator.opening import go_offline, needed, set_up
    from simulator.settings import settings

    log_to_file()
    chosen = settings()
    name = model.value
    if model is Embedded.AUTO:
        choice = choose_model(chosen.cache_dir)
        name = choice.model
        say(f"Model: {choice.reason}")
    wanted = needed(name, chosen.evaluator)
    there = {one for one in wanted if ready(one, cache_dir=chosen.cache_dir)}
    sizes: dict[str, int] = {}
    with Steps() as steps:
        for one in wanted:
            steps.title = f"the {one} model"
            sizes |= set_up(one, one, steps, chosen)
    go_offline()
    rows = []
    for one in wanted:
        state = "was there already" if one in there else "ready"
        rows.append((one, MODELS[one].title, MODELS[one].licence, size(sizes[one]), state))
    columns(rows)
    say(f"Models are in {models_dir(chosen.cache_dir)}; that folder may be deleted at any time.")
    apart = ""
    if chosen.database_url.get_secret_value():
        say(
            f"Calls are in the database of SIMULATOR_DATABASE_URL; your personas and scenarios are in {chosen.data_dir}."
        )
        apart = ", but for that database"
    else:
        say(f"Calls, and personas and scenarios of your own, are in {chosen.data_dir}.")
    say(f"Nothing reaches out of this machine from now on{apart}. Type `simulator serve` to begin.")
