"""Tunes a model to speak as the corpus' callers do: `python -m eval.train_caller --base small|standard|FOLDER`.

Low-rank adapters (LoRA, `peft`) on the linear layers of the upper blocks; the loss counts only the callers' lines, whole
calls at a time, so that one pass teaches every line of a call with what came before it. The model beneath the adapter is in 8
bits where that is quick (`int8_linear`) and where it is played so. Stopped and started again with
the same options it goes on from its last checkpoint in the cache folder; `--continue-from` takes up a finished adapter for
more. Writes the adapter in the format of peft, its loss curve, and how it was made.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model

from eval.int8_linear import in_eight_bits
from eval.kept_memory import keep_memory
from eval.lines import IGNORED, WrittenCall, split, tokenised, written_calls
from simulator.errors import DataError
from simulator.models import MODELS, ensure
from simulator.models.adapter import CONFIG
from simulator.models.choose import ADAPTERS
from simulator.models.int8 import NARROW
from simulator.models.loading import eight_bits
from simulator.models.tokens import TextTokens
from simulator.settings import settings

TRAINING = "training.json"
MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one base is tuned. `lowest`: the first block that is adapted; the blocks below cost no backward pass."""

    rank: int
    lowest: int
    rate: float
    epochs: float
    longest: int = 1_100
    batch: int = 4


RECIPES = {"small": Recipe(32, 0, 6e-4, 1), "standard": Recipe(16, 10, 3e-4, 1, batch=2)}


class Calls(torch.utils.data.Dataset[dict[str, list[int]]]):
    """Tokenised calls."""

    def __init__(self, calls: Sequence[WrittenCall], tokens: TextTokens, longest: int) -> None:
        self.rows = [tokenised(c, lambda text: tokens.encode(text)[0], longest) for c in calls]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, list[int]]:
        ids, labels = self.rows[index]
        return {"input_ids": ids, "labels": labels}


def collated(rows: Sequence[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
    """Rows of one batch, padded at their end."""
    longest = max(len(r["input_ids"]) for r in rows)
    fill = {"input_ids": 0, "labels": IGNORED}
    return {key: torch.tensor([r[key] + [pad] * (longest - len(r[key])) for r in rows]) for key, pad in fill.items()}


def lines_loss(model: Any, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, int]:
    """Summed cross-entropy (nats) over the tokens of the lines, and how many they are. The vocabulary's scores are
    computed only there: over the whole call they would cost as much as the model itself."""
    inner = model.get_base_model() if isinstance(model, PeftModel) else model
    states = inner.model(input_ids=batch["input_ids"], use_cache=False).last_hidden_state
    wanted = batch["labels"][:, 1:]
    there = wanted != IGNORED
    scores = inner.lm_head(states[:, :-1][there])
    return torch.nn.functional.cross_entropy(scores.float(), wanted[there], reduction="sum"), int(there.sum())


class LinesTrainer(transformers.Trainer):
    """The loss of the lines alone."""

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> torch.Tensor:
        total, count = lines_loss(model, inputs)
        return total / (num_items_in_batch if num_items_in_batch is not None else count)


def perplexity(model: Any, data: Calls) -> float:
    """exp of the mean loss a token over all lines."""
    total, count = 0.0, 0
    model.eval()
    with torch.inference_mode():
        for row in range(len(data)):
            loss, n = lines_loss(model, collated([data[row]]))
            total, count = total + float(loss), count + n
    return math.exp(total / count)


def opened(base: str) -> tuple[Any, TextTokens]:
    """The model in float32, in which processors without matrix units for bf16 are faster, and its tokens."""
    where = ensure(base) if base in MODELS else Path(base)
    tokens = TextTokens(transformers.AutoTokenizer.from_pretrained(where), base)
    return transformers.AutoModelForCausalLM.from_pretrained(where, dtype=torch.float32), tokens


def adapted(model: Any, recipe: Recipe, continue_from: Path | None) -> Any:
    """`model` with a fresh adapter, or one to go on with."""
    if continue_from is not None:
        return PeftModel.from_pretrained(model, continue_from, is_trainable=True)
    blocks = int(model.config.num_hidden_layers)
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=2 * recipe.rank,
        lora_dropout=0.0,
        target_modules=list(MODULES),
        layers_to_transform=list(range(recipe.lowest, blocks)),
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config)


def legs_of(adapter: Path) -> list[dict[str, Any]]:
    """How the adapter in that folder was made, leg by leg. Raises DataError if its file does not say."""
    file = adapter / TRAINING
    try:
        legs: list[dict[str, Any]] = json.loads(file.read_text("utf-8"))["legs"]
        if all(isinstance(leg["learned"], list) for leg in legs):
            return legs
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise DataError("does not say which calls each leg has learned from (`learned`, a list of ids)", file=str(file))


def unlearned(train: Sequence[WrittenCall], legs: Sequence[dict[str, Any]], many: int, seed: int) -> list[WrittenCall]:
    """The first `many` (0: all) of the calls, shuffled, that no leg has learned from. Raises DataError if none is left."""
    known = {call for leg in legs for call in leg["learned"]}
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed)).tolist()
    left = [train[i] for i in order if train[i].id not in known]
    if not left:
        raise DataError("that adapter has learned from every call")
    return left[: many or None]


def finish(out: Path, told: dict[str, Any]) -> None:
    """Beside the weights in `out`: how they were made, leg by leg, and a card; no path of this machine stays behind."""
    base, legs = str(told["base"]), told["legs"]
    title = MODELS[base].title if base in MODELS else Path(base).name
    config = json.loads((out / CONFIG).read_text("utf-8"))
    config["base_model_name_or_path"] = title
    config["target_modules"] = sorted(config["target_modules"])
    (out / CONFIG).write_text(json.dumps(config, indent=2) + "\n", "utf-8")
    (out / TRAINING).write_text(json.dumps(told) + "\n", "utf-8")
    parts = [
        f"# How callers talk: an adapter for {title}\n",
        f"LoRA, rank {config['r']}, on all linear layers of blocks {min(config['layers_to_transform'])} to "
        f"{max(config['layers_to_transform'])}. It learned the callers' lines of calls that language models wrote for this project "
        "(`eval/data/README.md`). It speaks for a caller from a cue (`tuned_segments` in `simulator/prompts.py`) and is of no "
        "other use. It invents details and loses threads; the guard in `simulator/caller/guard.py` belongs to it.\n",
    ]
    for leg in legs:
        held = leg["held_out_perplexity"]
        curve = ", ".join(f"{step}: {loss:.2f}" for step, loss in leg["loss"][:: max(1, len(leg["loss"]) // 10)])
        parts.append(
            f"`{leg['made_by']}`: {leg['calls']} calls, {leg['recipe']['epochs']:g} time(s), {leg['minutes']:.0f} minutes on "
            f"{leg['cores']} cores. Perplexity a token on the lines of {held['calls']} held-out calls: {held['before']:.1f} for the base, "
            f"{held['after']:.1f} after it. Loss by step: {curve}.\n"
        )
    (out / "README.md").write_text("\n".join(parts), "utf-8")
    for file in out.iterdir():
        file.chmod(0o644)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", required=True, help="small, standard, or the folder of a model")
    parser.add_argument("--rank", type=int)
    parser.add_argument("--lowest", type=int, help="first block that is adapted")
    parser.add_argument("--rate", type=float, help="highest learning rate")
    parser.add_argument("--epochs", type=float)
    parser.add_argument("--calls", type=int, default=0, help="learn from so many calls only (0: all)")
    parser.add_argument("--held-out", type=int, default=40, help="measure on so many held-out calls")
    parser.add_argument("--continue-from", type=Path, help="an adapter's folder: teach it the calls that are new to it")
    parser.add_argument("--floats", action="store_true", help="the model beneath in float32, not in 8 bits")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    given = {k: v for k in ("rank", "lowest", "rate", "epochs") if (v := getattr(args, k)) is not None}
    plain = RECIPES.get(args.base, RECIPES["standard"])
    recipe = Recipe(**{f: given.get(f, getattr(plain, f)) for f in Recipe.__dataclass_fields__})
    if args.out is None and args.base not in MODELS:
        parser.error("--out says where the adapter of another model goes")
    if recipe.epochs < 1:
        parser.error("--epochs is at least 1: a leg names its calls, and has learned from all of them (fewer: --calls)")
    out = args.out or ADAPTERS / args.base
    transformers.set_seed(args.seed)
    train, test = split(written_calls())
    try:
        earlier = legs_of(args.continue_from) if args.continue_from else []
        chosen = unlearned(train, earlier, args.calls, args.seed)
    except DataError as error:
        parser.error(str(error))
    model, tokens = opened(args.base)
    data, held = (Calls(c, tokens, recipe.longest) for c in (chosen, test[: args.held_out]))
    model = adapted(model, recipe, args.continue_from)
    quick = eight_bits() and not torch.cuda.is_available() and model.config.hidden_size >= NARROW
    numbers = "int8" if quick and not args.floats else "float32"
    if numbers == "int8":
        in_eight_bits(model.get_base_model().model)
    with model.disable_adapter():
        before = perplexity(model, held)
    print(
        f"{len(data)} calls, {sum(p.numel() for p in model.parameters() if p.requires_grad):,} numbers to learn, beside {numbers}"
    )
    print(f"held-out perplexity before {before:.2f}", flush=True)
    # The same run has the same name: options, recipe and texts all count, so that no other run's checkpoint is taken up.
    taught = hashlib.sha256(
        "".join((str(vars(args)), str(recipe), numbers, *(t for c in chosen for t in c.segments))).encode()
    )
    work = settings().cache_dir / "training" / f"{Path(args.base).name}-{taught.hexdigest()[:12]}"
    trainer = LinesTrainer(
        model=model,
        train_dataset=data,
        data_collator=collated,
        args=transformers.TrainingArguments(
            output_dir=str(work),
            per_device_train_batch_size=1,
            gradient_accumulation_steps=recipe.batch,
            num_train_epochs=recipe.epochs,
            learning_rate=recipe.rate,
            lr_scheduler_type="cosine",
            warmup_steps=8,
            max_grad_norm=1.0,
            weight_decay=0.01,
            logging_steps=5,
            save_steps=20,
            save_total_limit=1,
            report_to="none",
            use_cpu=not torch.cuda.is_available(),
            remove_unused_columns=False,
            label_names=["labels"],
            dataloader_num_workers=0,
            seed=args.seed,
        ),
    )
    began = time.perf_counter()
    trainer.train(resume_from_checkpoint=any(work.glob("checkpoint-*")))
    minutes = (time.perf_counter() - began) / 60
    after = perplexity(model, held)
    print(f"held-out perplexity after {after:.2f}, {minutes:.0f} minutes")
    half = model.to(torch.bfloat16)
    half.save_pretrained(out)
    leg = {
        "made_by": f"python -m eval.train_caller {' '.join(sys.argv[1:])}",
        "recipe": {f: getattr(recipe, f) for f in Recipe.__dataclass_fields__},
        "calls": len(data),
        "learned": sorted(call.id for call in chosen),
        "numbers": numbers,
        "minutes": round(minutes, 1),
        "cores": torch.get_num_threads(),
        "held_out_perplexity": {"calls": len(held), "before": round(before, 2), "after": round(after, 2)},
        "loss": [[e["step"], round(e["loss"], 4)] for e in trainer.state.log_history if "loss" in e],
    }
    told = {"base": args.base, "legs": [*earlier, leg]}
    finish(out, told)
    rmtree(work, ignore_errors=True)
    print(f"wrote {out}")


if __name__ == "__main__":
    keep_memory()
    main()
