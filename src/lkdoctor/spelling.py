"""How far one word is from another, for every "did you mean"."""


def distance(left: str, right: str, limit: int | None = None) -> int:
    """How many slips lead from one word to the other: a letter added, lost, changed or swapped.

    Optimal string alignment (Damerau-Levenshtein without a letter being touched twice).

    Args:
        left: a word.
        right: another.
        limit: beyond this many the answer is ``limit`` + 1, "too many", and comes sooner.
    """
    most = max(len(left), len(right)) if limit is None else limit
    if abs(len(left) - len(right)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        last, before, row = before, row, [i]
        for j, b in enumerate(right, 1):
            cost = min(before[j] + 1, row[-1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)
