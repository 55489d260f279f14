"""The search for the smallest limit that passes: which one to try next, by what came of the others.

Runs nothing itself. Limits are whole MiB.
"""

from collections import Counter
from math import ceil, log2

MIB = 1 << 20
LEAST_BYTES = 6 * MIB
"""Docker takes no less; a container's own start needs about as much."""
TOLERANCE_BYTES = 16 * MIB
TOLERANCE_PERCENT = 2
PASSES = 3
"""How often the answer must have passed: peaks differ from run to run."""
MOST_TRIALS = 24
"""A search that takes more is not about memory: what it tries fails now and then."""


def tolerance(limit_bytes: int) -> int:
    """How near to a limit that fails the answer must be: 16 MiB or 2 %, in whole MiB."""
    return max(TOLERANCE_BYTES, limit_bytes * TOLERANCE_PERCENT // 100 // MIB * MIB)


class Search:
    """Asks for one limit after another: `next`, then `learn` what came of it.

    From the guess it goes up until one passes, or down until one fails, by steps that double; then
    it halves what lies between. The answer must pass three times: where it fails once it is raised,
    and what is raised must pass as often.
    """

    def __init__(self, *, guess: int, enough: int, most: int, failed_at: int | None = None) -> None:
        """All in bytes. `guess`: where to begin; `enough`: what a run without a limit has filled.

        `most`: no more is tried; `failed_at`: known to fail.
        """
        self.most = most // MIB * MIB
        self._guess, self._enough = _whole(guess), _whole(enough)
        self.failing = None if failed_at is None else failed_at // MIB * MIB
        """The largest limit that is known to fail, below the smallest that passes."""
        self.passing: int | None = None
        """The smallest limit that passes, as far as is known."""
        self.trials = 0
        self._passed: Counter[int] = Counter()
        self._climbed = self._descended = self._raised = 0
        self._cut = 2

    @property
    def smallest(self) -> int | None:
        """The answer: it has passed three times; None where there is none yet."""
        done = self.passing is not None and self._is_near and self._passed[self.passing] >= PASSES
        return self.passing if done else None

    @property
    def left(self) -> int:
        """About how many trials are ahead."""
        if self.smallest is not None:
            return 0
        if self.passing is None:
            return PASSES + max(1, self._climbed)
        if self._is_near:
            return PASSES - self._passed[self.passing]
        if self.failing is None:
            return PASSES
        halvings = ceil(log2((self.passing - self.failing) / tolerance(self.passing)))
        return halvings + PASSES - 1

    def next(self) -> int | None:
        """The limit to try; None where the answer is there, or where there is none."""
        if self.smallest is not None or self.trials >= MOST_TRIALS:
            return None
        if self.passing is None:
            return self._above()
        if self._is_near:
            return self.passing
        if self.failing is None:
            return self._below(self.passing)
        return (self.failing + (self.passing - self.failing) // self._cut) // MIB * MIB

    def learn(self, limit: int, *, passed: bool, is_far: bool = False) -> None:
        """What came of a trial. `is_far`: it lacked page cache, of which `enough` is known.

        Then small steps lead nowhere, and what lies between is cut at once.
        """
        self.trials += 1
        self._cut = 2
        if passed:
            self._passed[limit] += 1
            self.passing = limit
            self._descended += self.failing is None
            return
        self.failing = limit
        if self.passing is None and is_far and limit < self._enough <= self.most:
            # At a quarter first: of the files that a program has read it needs few at a time
            self.passing, self._cut = self._enough, 4
        elif self.passing is None:
            self._climbed += 1
        elif limit == self.passing and not self._passed[limit]:
            self.passing, self._enough, self._climbed = None, 0, 1
        elif limit == self.passing:
            self._raise(limit)

    def _raise(self, limit: int) -> None:
        """It has passed before: chance decides here, and no halving finds where that ends."""
        step = tolerance(limit) << self._raised
        self._raised += 1
        self.passing = min(limit + step, self.most) if limit < self.most else None

    @property
    def _is_near(self) -> bool:
        """Whether nothing is left to halve."""
        if self.passing is None:
            return False
        if self._raised or self.passing <= LEAST_BYTES:
            return True
        return self.failing is not None and self.passing - self.failing <= tolerance(self.passing)

    def _above(self) -> int | None:
        low = self.failing or 0
        if low >= self.most:
            return None
        limit = max(self._guess, LEAST_BYTES) if self._guess > low else low + tolerance(low)
        if self._climbed:
            limit = low + (tolerance(low) << (self._climbed - 1))
            limit = min(limit, self._enough) if low < self._enough else limit
        return min(limit, self.most)

    def _below(self, passing: int) -> int:
        return max(passing - (tolerance(passing) << (self._descended - 1)), LEAST_BYTES)


def _whole(size_bytes: int) -> int:
    """Whole MiB, rounded up."""
    return -(-size_bytes // MIB) * MIB
