"""Random numbers as a pure function of (seed, epoch, image), for many images at once, on any device.

Philox 4x32 with ten rounds (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", section 4.3):
a counter is enciphered, so that the n-th number needs no number before it, and all of them are made side by
side from integers alone. A GPU and a CPU make the same bits.

Letters: B images, K numbers of an image.
"""

from __future__ import annotations

import torch
from torch import Tensor

_WORD = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10
_NUMBERS_OF_A_BLOCK = 4
_BITS = 24  # of a float32 in [0, 1)

Words = tuple[Tensor, Tensor, Tensor, Tensor]


def uniform_draws(seed: int, epoch: int, numbers_B: Tensor, count: int) -> Tensor:
    """Uniform float32 numbers (B, K) in [0, 1) for the images `numbers_B` (int64, >= 0) in an epoch.

    Args:
        seed: In [0, 2^64).
        epoch: In [0, 2^32).
        numbers_B: Tells the images apart; the draws lie on its device.
        count: K, the numbers of each image; a larger K leaves the first ones as they are.
    """
    blocks = -(-count // _NUMBERS_OF_A_BLOCK)
    block_BN = torch.arange(blocks, device=numbers_B.device).expand(len(numbers_B), blocks)
    number_B1 = numbers_B[:, None]
    counter = (
        block_BN,
        torch.full_like(block_BN, epoch),
        (number_B1 & _WORD).expand_as(block_BN),
        (number_B1 >> 32).expand_as(block_BN),
    )
    words_BN4 = torch.stack(philox(counter, (seed & _WORD, seed >> 32)), dim=-1)
    drawn_BK = words_BN4.flatten(1)[:, :count] >> (32 - _BITS)
    return drawn_BK.to(torch.float32) * 2.0**-_BITS


def philox(counter: Words, key: tuple[int, int]) -> Words:
    """Four words of 32 bits from four words of a counter and two of a key, all held in int64."""
    first, second, third, fourth = counter
    for _ in range(_ROUNDS):
        high_0, low_0 = _multiply(first, _MULTIPLIERS[0])
        high_1, low_1 = _multiply(third, _MULTIPLIERS[1])
        first, second = high_1 ^ second ^ key[0], low_1
        third, fourth = high_0 ^ fourth ^ key[1], low_0
        key = ((key[0] + _KEY_STEPS[0]) & _WORD, (key[1] + _KEY_STEPS[1]) & _WORD)
    return first, second, third, fourth


def _multiply(words: Tensor, factor: int) -> tuple[Tensor, Tensor]:
    """The upper and lower 32 bits of a product, which wraps around in int64 without losing a bit."""
    product = words * factor
    return (product >> 32) & _WORD, product & _WORD
