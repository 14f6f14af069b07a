"""How near two documents are: the share of five-word runs they have in common, estimated by MinHash (the rensa library).

A signature is 128 numbers of 32 bits; the share of equal numbers estimates the Jaccard similarity of the two sets of runs
with a standard deviation of at most 0.045. Documents that share one of 32 bands of four numbers are compared: of pairs
with a similarity of 0.8 all but 5 in 10^8 are found, of those with 0.5 87 % (1 - (1 - s^4)^32).
"""

from __future__ import annotations

import numpy as np

from deepsynth.data.wording import runs, units

RUN = 5
"""Words of a run; characters that stand alone (Chinese, Japanese, Korean) count as words."""
PERMUTATIONS, BANDS = 128, 32
SEED = 1


def signature(text: str) -> bytes | None:
    """Return the signature of `text`, 512 bytes; none for a text without a letter or digit."""
    from rensa import RMinHash  # pyright: ignore[reportAttributeAccessIssue]

    found = runs(units(text), RUN)
    if found == [""]:
        return None
    sketch = RMinHash(num_perm=PERMUTATIONS, seed=SEED)
    sketch.update(found)
    return np.asarray(sketch.digest(), "<u4").tobytes()


def similarity(one: bytes, others: list[bytes]) -> np.ndarray:
    """Return the estimated Jaccard similarity of one signature to each of the others, (N,)."""
    mine = np.frombuffer(one, "<u4")
    theirs = np.frombuffer(b"".join(others), "<u4").reshape(-1, PERMUTATIONS)
    return (theirs == mine).mean(axis=1)


def band_keys(one: bytes) -> list[int]:
    """Return the key of each band as a signed integer of 64 bits, as SQLite keeps them; equal bands have equal keys."""
    bands = np.frombuffer(one, "<u4").reshape(BANDS, PERMUTATIONS // BANDS).astype(np.uint64)
    mixed = np.arange(1, BANDS + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    for column in bands.T:  # a multiply-and-xor hash; arithmetic of unsigned arrays wraps round, as is meant
        mixed = (mixed ^ column) * np.uint64(0xFF51AFD7ED558CCD)
        mixed ^= mixed >> np.uint64(33)
    return mixed.view(np.int64).tolist()
