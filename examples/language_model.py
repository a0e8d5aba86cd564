"""A language model in miniature: it speaks at random, but it has the shape of a client for a large one.

``generate`` is an asynchronous generator that waits for each token as such a client waits for its server, and that has something to
give back when it is left early: here its place among those that are running, elsewhere a connection or memory of a graphics card.
"""

from __future__ import annotations

import asyncio
import random
import re

from collections.abc import AsyncIterator

TEXT = """
The bridge carries every token as soon as the model has made it. The model waits for the network, and the loop goes on. A client that
reads slowly holds the model back, and a client that leaves stops the model. The server never waits for the model, and the model never
waits for a client that has left. Every request has a deadline, and every token has its place in the stream.
"""
TOKEN = re.compile(r"\w+|[^\w\s]")

# Which tokens come after which in the text.
followers: dict[str, list[str]] = {}
tokens = TOKEN.findall(TEXT)
for token, follower in zip(tokens, tokens[1:]):
    followers.setdefault(token, []).append(follower)

statistics = {"running": 0, "tokens": 0}
# How generations ended, for whoever wants to know.
ended: asyncio.Queue[dict[str, object]] = asyncio.Queue()


async def generate(prompt: str, *, max_tokens: int = 12, delay: float = 0.01) -> AsyncIterator[str]:
    """Yields the tokens that go on from a prompt, each after ``delay`` seconds."""
    words = TOKEN.findall(prompt)
    if not words:
        raise ValueError("the prompt has no words")
    choice = random.Random(prompt)
    token = words[-1]
    made = 0
    outcome = "left early"
    statistics["running"] += 1
    try:
        while made < max_tokens:
            await asyncio.sleep(delay)
            if "overload" in words and made == 3:
                raise ConnectionError("the model is overloaded")
            token = choice.choice(followers.get(token, tokens))
            made += 1
            statistics["tokens"] += 1
            yield token if token in ".," else f" {token}"
        outcome = "complete"
    except Exception as error:
        outcome = type(error).__name__
        raise
    finally:
        # Also when JavaScript leaves its loop, or its signal aborts: then from the `yield` or from the `await`.
        statistics["running"] -= 1
        ended.put_nowait({"tokens": made, "outcome": outcome})
