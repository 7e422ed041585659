"""Text to ids and back for one local model, where nothing a person types can ever become a control token.

transformers offers `split_special_tokens=True`, but it skips only tokens marked *special*: Qwen's `<tool_call>` or
`<|fim_prefix|>` are added without that mark and would still match. So the tokenizer is rebuilt without any added token
(and without the post-processor, which trims spaces from the offsets); should the bare vocabulary still hold one, its id
is dropped.
"""

from __future__ import annotations

import json
from typing import Any

from simulator.errors import ModelFormatError

Offsets = tuple[tuple[int, int], ...]


class TextTokens:
    """Encodes plain text and decodes ids. Immutable, so safe from many threads."""

    def __init__(self, tokenizer: Any, name: str) -> None:
        """`tokenizer`: a fast transformers tokenizer. Raises ModelFormatError for another kind."""
        from tokenizers import Tokenizer

        whole = getattr(tokenizer, "backend_tokenizer", None)
        if not isinstance(whole, Tokenizer):
            raise ModelFormatError(
                f"{name} has a tokenizer that gives no character offsets; use a model with a tokenizer.json."
            )
        recipe = json.loads(whole.to_str())
        added = {int(token["id"]): token for token in recipe["added_tokens"]}
        recipe |= {"added_tokens": [], "post_processor": None, "truncation": None, "padding": None}
        self._whole = whole
        self._plain = Tokenizer.from_str(json.dumps(recipe))
        special = set(tokenizer.all_special_ids) | {n for n, token in added.items() if token["special"]}
        self.control: frozenset[int] = frozenset(
            special | {n for n, t in added.items() if _looks_control(t["content"])}
        )
        """Ids that text never becomes, and that end a reply when the model draws one."""
        probe = tokenizer("a", add_special_tokens=True)["input_ids"]
        self.start: list[int] = probe[:1] if probe[:1] == [tokenizer.bos_token_id] else []
        """The beginning-of-text id if this tokenizer writes one by itself (naming one is not enough: the GGUF files of
        Qwen and SmolLM2 name <|endoftext|> and <|im_start|>, which their models never saw there), else nothing."""

    def encode(self, text: str) -> tuple[list[int], Offsets]:
        """Ids of `text` and, for each, the characters (start, end) it covers: parts of a character all cover it."""
        encoding = self._plain.encode(text, add_special_tokens=False)
        kept = [(i, o) for i, o in zip(encoding.ids, encoding.offsets, strict=True) if i not in self.control]
        return [i for i, _ in kept], tuple((int(o[0]), int(o[1])) for _, o in kept)

    def decode(self, ids: list[int]) -> str:
        """Text of `ids`; bytes that are not a whole character become U+FFFD."""
        return str(self._whole.decode(ids, skip_special_tokens=False))


def _looks_control(content: str) -> bool:
    """Added tokens written like <|fim_middle|> or <tool_call> steer a model even where nobody marked them special."""
    return content.startswith("<") and content.endswith(">")
