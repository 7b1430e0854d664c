"""What is said of a comparison, on a terminal and in a notebook."""


def explained(made: int) -> str:
    """The explanation below the tables of so many comparisons."""
    counted = "1 comparison" if made == 1 else f"{made} comparisons"
    return (
        f"95 % intervals by bootstrap over clips; p by permutation over clips, corrected for {counted} (Holm); "
        "* marks p ≤ 0.05. Systems that share a letter cannot be told apart. Won, lost and tied count queries. "
        "Detectable is the least difference that these clips would tell apart with a chance of 80 %."
    )


def p_text(p_value: float) -> str:
    """A p-value as text.

    >>> p_text(0.04321), p_text(0.00001), p_text(1)
    ('0.043', '<0.001', '1.000')
    """
    return "<0.001" if p_value < 0.001 else f"{p_value:.3f}"
